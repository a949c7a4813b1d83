// The values and gradients of a bound module: two flat buffers that parameters are views of.
#pragma once

#include <lockstep/nn/parameter_layout.hpp>
#include <lockstep/tensor/tensor_view.hpp>

#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace lockstep {

/// Owns the parameters of one module. Gradient buckets, shards, clipping and optimizer steps work on ranges of its flat
/// buffers. The table must outlive it. The memory comes from whoever must reach it: a device, or a communicator whose
/// peers read it directly.
template <class T, class Memory>
class ParameterStore {
 public:
  /// Lays out and initialises the parameters, enters them into `table` and writes their handles into `module`.
  /// `allocate(bytes)` returns zero-filled Memory the host can write to; it is called for the values, then for the
  /// gradients.
  template <Module M, class Allocate>
  ParameterStore(M& module, ParameterTable<T>& table, Allocate&& allocate, std::uint64_t seed)
      : layout_(ParameterLayout::of(module, sizeof(T))),
        values_(allocate(bytes(layout_.size))),
        gradients_(allocate(bytes(layout_.trainable_size))),
        table_(&table),
        first_index_(table.size()) {
    for_each_parameter(module, [&](const std::string& name, Parameter& parameter) {
      std::size_t i = 0;
      while (layout_.ranges[i].name != name) ++i;
      parameter.index = first_index_ + static_cast<std::int32_t>(i);
      initialize(value(i).span(), parameter.initializer, parameter.shape, name, seed);
    });
    for (const ParameterRange& range : layout_.ranges) {  // last: what can fail has not
      table.add(value_data() + range.offset, range.trainable ? gradient_data() + range.offset : nullptr, range.shape,
                range.trainable);
    }
  }

  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;
  ~ParameterStore() {
    for (std::size_t i = 0; i < layout_.ranges.size(); ++i) {
      slot(i).value = nullptr;
      slot(i).gradient = nullptr;
      slot(i).requires_grad = false;
    }
  }

  const ParameterLayout& layout() const { return layout_; }

  /// All values: trainable parameters first, then frozen ones.
  std::span<T> values() { return {value_data(), static_cast<std::size_t>(layout_.size)}; }

  /// The values of the trainable parameters, and their gradients: ranges of equal layout.
  std::span<T> trainable_values() { return {value_data(), static_cast<std::size_t>(layout_.trainable_size)}; }
  std::span<T> gradients() { return {gradient_data(), static_cast<std::size_t>(layout_.trainable_size)}; }

  /// The value and the gradient of the parameter at `i` in the layout.
  TensorView<T> value(std::size_t i) { return {value_data() + layout_.ranges[i].offset, layout_.ranges[i].shape}; }
  TensorView<T> gradient(std::size_t i) {
    return {gradient_data() + layout_.ranges[i].offset, layout_.ranges[i].shape};
  }

  /// The table's indices of these parameters are first_index() + i.
  std::int32_t first_index() const { return first_index_; }
  Slot<T>& slot(std::size_t i) { return (*table_)[first_index_ + static_cast<std::int32_t>(i)]; }

  /// The trainable parameter with this index in the table, or -1 when it belongs to another store.
  std::int64_t find(std::int32_t table_index) const {
    const std::int64_t i = table_index - first_index_;
    return i >= 0 && i < static_cast<std::int64_t>(layout_.trainable_count) ? i : -1;
  }

  /// Marks all gradients as empty; the next sweep assigns instead of adding, so nothing is written here.
  void zero_grad() {
    for (std::size_t i = 0; i < layout_.trainable_count; ++i) slot(i).has_gradient = false;
  }

  /// Writes zeros to the gradient of a parameter that the sweeps since `zero_grad` did not reach.
  void complete_gradient(std::size_t i) {
    Slot<T>& s = slot(i);
    if (s.has_gradient) return;
    const TensorView<T> g = gradient(i);
    if (g.numel() > 0) std::memset(g.data, 0, bytes(g.numel()));
    s.has_gradient = true;
  }

 private:
  static std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(T); }
  T* value_data() { return reinterpret_cast<T*>(values_.data()); }
  T* gradient_data() { return reinterpret_cast<T*>(gradients_.data()); }

  ParameterLayout layout_;
  Memory values_;
  Memory gradients_;
  ParameterTable<T>* table_;
  std::int32_t first_index_;
};

}  // namespace lockstep
