// The contract of a data set: a size, and either one sample or one batch at a time. Both are `const` and may be called
// from a background thread; a data set that is not safe to read from there needs `prefetch = 0`.
#pragma once

#include <lockstep/data/batch.hpp>
#include <lockstep/tensor/tensor_view.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>

namespace lockstep {

/// The number of samples. It must stay the same while a loader uses the data set.
template <class D>
concept SizedDataset = requires(const D& dataset) {
  { dataset.size() } -> std::convertible_to<std::int64_t>;
};

namespace detail {

template <Element T>
constexpr TensorView<const T> view_of_field(const T& scalar) {
  return {&scalar, Shape{}};
}
template <Element T>
constexpr TensorView<const T> view_of_field(const TensorView<T>& view) {
  return view;
}
template <Element T>
TensorView<const T> view_of_field(const Tensor<T>& tensor) {
  return tensor.view();
}
template <class Range>
requires requires(const Range& range) {
  requires Element<std::remove_cvref_t<decltype(*range.data())>>;
  { range.size() } -> std::convertible_to<std::size_t>;
}
constexpr auto view_of_field(const Range& range) {
  using T = std::remove_cvref_t<decltype(*range.data())>;
  return TensorView<const T>(range.data(), Shape{static_cast<std::int64_t>(range.size())});
}

}  // namespace detail

/// A part of a sample: a number, a std::array, std::vector or std::span of numbers, a Tensor or a TensorView.
template <class F>
concept SampleField = requires(const F& field) {
  detail::view_of_field(field);
};

/// One sample at a time: `dataset[i]` is a struct with the members `inputs` and `targets`; samples are stacked.
template <class D>
concept SampleDataset = SizedDataset<D> && requires(const D& dataset, std::int64_t index) {
  { dataset[index].inputs } -> SampleField;
  { dataset[index].targets } -> SampleField;
};

/// A whole batch at a time: `read` fills the tensors of a batch of the data set's own type `Batch` with the samples at
/// `indices`, reusing what is there; it need not touch the members that the loader fills.
template <class D>
concept BatchDataset = SizedDataset<D> && ReusableBatch<typename D::Batch> &&
    requires(const D& dataset, std::span<const std::int64_t> indices, typename D::Batch& batch) {
  dataset.read(indices, batch);
};

/// What a DataLoader reads from.
template <class D>
concept Dataset = SampleDataset<D> || BatchDataset<D>;

}  // namespace lockstep
