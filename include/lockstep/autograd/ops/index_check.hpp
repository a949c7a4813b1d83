// Indices are checked before they are used: the error names the first one that is wrong.
#pragma once

#include <lockstep/tensor/tensor_view.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace lockstep::detail {

/// A value that no index has.
inline constexpr std::int64_t nothing_ignored = std::numeric_limits<std::int64_t>::min();

/// Throws ArgumentError if an index is neither in [0, limit) nor `ignored`.
template <class Context>
void check_indices(Context& context, TensorView<const std::int32_t> indices, std::int64_t limit, std::int64_t ignored,
                   const char* what, const char* counted) {
  const std::int64_t position =
      Context::Kernels::first_out_of_range(context.device, indices.numel(), indices.data, limit, ignored);
  if (position < 0) return;
  std::int32_t value = 0;
  context.device.copy_to_host(reinterpret_cast<std::byte*>(&value),
                              reinterpret_cast<const std::byte*>(indices.data + position), sizeof value);
  context.device.synchronize();
  throw ArgumentError(concat(what, " at position ", position, " of ", indices.shape, " is ", value,
                             "; it must be at least 0 and less than ", limit, ", the number of ", counted));
}

}  // namespace lockstep::detail
