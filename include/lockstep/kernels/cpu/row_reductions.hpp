// Sums, maxima and dot products of contiguous elements. Packets keep several partial results, which are combined in a
// fixed tree: compilers may not reorder floating-point sums by themselves.
#pragma once

#include <lockstep/kernels/cpu/packet.hpp>

#include <cstdint>
#include <limits>

namespace lockstep::cpu {

namespace detail {

/// Combines the elements of a packet, halves first.
template <class T, class Combine>
[[gnu::always_inline]] inline T combine_lanes(Packet<T> packet, Combine combine) {
  alignas(packet_bytes) T lanes[packet_width<T>];
  store_packet(lanes, packet);
  LOCKSTEP_UNROLL
  for (int half = packet_width<T> / 2; half > 0; half /= 2) {
    LOCKSTEP_UNROLL
    for (int lane = 0; lane < half; ++lane) lanes[lane] = combine(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

}  // namespace detail

/// The sum of x[0 ... count).
template <class T>
LOCKSTEP_WIDE_VECTORS T sum_of(std::int64_t count, const T* x) {
  constexpr int width = packet_width<T>;
  Packet<T> partial[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    LOCKSTEP_UNROLL
    for (int j = 0; j < 4; ++j) partial[j] += load_packet(x + i + j * width);
  }
  for (; i + width <= count; i += width) partial[0] += load_packet(x + i);
  T tail = 0;
  for (; i < count; ++i) tail += x[i];
  const Packet<T> total = (partial[0] + partial[1]) + (partial[2] + partial[3]);
  return detail::combine_lanes<T>(total, [](T a, T b) { return a + b; }) + tail;
}

/// The sum of x[i] * y[i].
template <class T>
LOCKSTEP_WIDE_VECTORS T dot_of(std::int64_t count, const T* x, const T* y) {
  constexpr int width = packet_width<T>;
  Packet<T> partial[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    LOCKSTEP_UNROLL
    for (int j = 0; j < 4; ++j) partial[j] += load_packet(x + i + j * width) * load_packet(y + i + j * width);
  }
  for (; i + width <= count; i += width) partial[0] += load_packet(x + i) * load_packet(y + i);
  T tail = 0;
  for (; i < count; ++i) tail += x[i] * y[i];
  const Packet<T> total = (partial[0] + partial[1]) + (partial[2] + partial[3]);
  return detail::combine_lanes<T>(total, [](T a, T b) { return a + b; }) + tail;
}

/// The sum of (x[i] - center)^2.
template <class T>
LOCKSTEP_WIDE_VECTORS T square_deviations_of(std::int64_t count, const T* x, T center) {
  constexpr int width = packet_width<T>;
  Packet<T> partial[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    LOCKSTEP_UNROLL
    for (int j = 0; j < 4; ++j) {
      const Packet<T> deviation = load_packet(x + i + j * width) - center;
      partial[j] += deviation * deviation;
    }
  }
  T tail = 0;
  for (; i < count; ++i) tail += (x[i] - center) * (x[i] - center);
  const Packet<T> total = (partial[0] + partial[1]) + (partial[2] + partial[3]);
  return detail::combine_lanes<T>(total, [](T a, T b) { return a + b; }) + tail;
}

/// The largest element, passing over NaN; -infinity when there is none.
template <class T>
LOCKSTEP_WIDE_VECTORS T max_of(std::int64_t count, const T* x) {
  constexpr int width = packet_width<T>;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  Packet<T> partial[4];
  LOCKSTEP_UNROLL
  for (int j = 0; j < 4; ++j) partial[j] = Packet<T>{} + lowest;
  std::int64_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    LOCKSTEP_UNROLL
    for (int j = 0; j < 4; ++j) {
      const Packet<T> value = load_packet(x + i + j * width);
      partial[j] = value > partial[j] ? value : partial[j];
    }
  }
  T tail = lowest;
  for (; i < count; ++i) tail = x[i] > tail ? x[i] : tail;
  LOCKSTEP_UNROLL
  for (int j = 1; j < 4; ++j) partial[0] = partial[j] > partial[0] ? partial[j] : partial[0];
  const auto larger = [](T a, T b) { return b > a ? b : a; };
  return larger(detail::combine_lanes<T>(partial[0], larger), tail);
}

}  // namespace lockstep::cpu
