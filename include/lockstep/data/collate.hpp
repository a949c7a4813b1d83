// Turns samples into batches: the same field of every sample, stacked along a new outermost dimension.
#pragma once

#include <lockstep/data/batch.hpp>
#include <lockstep/data/dataset.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace lockstep {

namespace detail {

template <class Field>
using FieldElement = std::remove_const_t<std::remove_pointer_t<decltype(view_of_field(std::declval<Field>()).data)>>;

template <class D>
struct BatchOf {
  using Sample = std::remove_cvref_t<decltype(std::declval<const D&>()[std::int64_t{}])>;
  using type = Batch<FieldElement<decltype(Sample::inputs)>, FieldElement<decltype(Sample::targets)>>;
};
template <BatchDataset D>
struct BatchOf<D> {
  using type = typename D::Batch;
};

/// Copies one field of the sample at `place` into row `place`; the first sample decides the shape of the batch.
template <class Field, Element T>
void stack_field(const Field& field, std::span<const std::int64_t> indices, std::size_t place, const char* name,
                 Tensor<T>& stacked) {
  const TensorView<const T> sample = view_of_field(field);
  if (place == 0) {
    Shape shape{static_cast<std::int64_t>(indices.size())};
    for (std::int64_t extent : sample.shape) shape.push_back(extent);
    if (!(stacked.shape() == shape)) stacked.resize(shape);
  } else if (!(stacked.shape().slice(1, stacked.rank()) == sample.shape)) {
    throw ShapeError(concat("collate: the samples of a batch must have equal shapes; ", name, " of sample ",
                            indices[place], " has ", sample.shape, ", of sample ", indices[0], " ",
                            stacked.shape().slice(1, stacked.rank()),
                            "; pad them to one length, or give the data set a `read` for whole batches"));
  }
  std::copy_n(sample.data, sample.numel(), stacked.data() + static_cast<std::int64_t>(place) * sample.numel());
}

}  // namespace detail

/// The batch type that a data set is read into.
template <Dataset D>
using BatchOf = typename detail::BatchOf<D>::type;

/// Fills the tensors of a batch with the samples at `indices`. Throws ShapeError when samples differ in shape.
template <Dataset D>
void read_batch(const D& dataset, std::span<const std::int64_t> indices, BatchOf<D>& batch) {
  if constexpr (BatchDataset<D>) {
    dataset.read(indices, batch);
  } else {
    for (std::size_t place = 0; place < indices.size(); ++place) {
      const auto& sample = dataset[indices[place]];
      detail::stack_field(sample.inputs, indices, place, "inputs", batch.inputs);
      detail::stack_field(sample.targets, indices, place, "targets", batch.targets);
    }
  }
}

}  // namespace lockstep
