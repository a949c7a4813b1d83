// Copies blocks of matrices into the order in which tiles read them.
#pragma once

#include <lockstep/kernels/cpu/packet.hpp>

#include <cstdint>
#include <utility>

namespace lockstep::cpu {

namespace detail {

/// What a 128-bit lane holds: most shuffles of vector units work inside lanes, or on whole lanes.
template <class T>
inline constexpr int lane_width = 16 / static_cast<int>(sizeof(T));

/// Lane by lane, the lower (Half 0) or upper (Half 1) elements of both packets in turns.
template <class T, int Half, int... I>
[[gnu::always_inline]] inline Packet<T> interleave(Packet<T> x, Packet<T> y, std::integer_sequence<int, I...>) {
  constexpr int width = packet_width<T>, lane = lane_width<T>;
  return __builtin_shufflevector(x, y, (I / lane * lane + Half * (lane / 2) + I % lane / 2 + I % 2 * width)...);
}

/// The even (Odd 0) or odd (Odd 1) lanes of one packet, then those of the other.
template <class T, int Odd, int... I>
[[gnu::always_inline]] inline Packet<T> every_other_lane(Packet<T> x, Packet<T> y, std::integer_sequence<int, I...>) {
  constexpr int lane = lane_width<T>;
  return __builtin_shufflevector(x, y, ((I / lane * 2 + Odd) * lane + I % lane)...);
}

/// Transposes a square of packets in place: first the small squares inside lanes, then the lanes.
template <class T>
[[gnu::always_inline]] inline void transpose_square(Packet<T> (&rows)[packet_width<T>]) {
  constexpr int width = packet_width<T>, lane = lane_width<T>, lanes = width / lane;
  constexpr auto indices = std::make_integer_sequence<int, width>{};
  Packet<T> next[width];
  LOCKSTEP_UNROLL
  for (int round = 1; round < lane; round *= 2) {
    LOCKSTEP_UNROLL
    for (int i = 0; i < width; i += 2) {
      const int from = i / lane * lane + i % lane / 2;
      next[i] = interleave<T, 0>(rows[from], rows[from + lane / 2], indices);
      next[i + 1] = interleave<T, 1>(rows[from], rows[from + lane / 2], indices);
    }
    LOCKSTEP_UNROLL
    for (int i = 0; i < width; ++i) rows[i] = next[i];
  }
  LOCKSTEP_UNROLL
  for (int round = 1; round < lanes; round *= 2) {
    LOCKSTEP_UNROLL
    for (int i = 0; i < width / 2; ++i) {
      const int from = 2 * (i / lane) * lane + i % lane;
      next[i] = every_other_lane<T, 0>(rows[from], rows[from + lane], indices);
      next[i + width / 2] = every_other_lane<T, 1>(rows[from], rows[from + lane], indices);
    }
    LOCKSTEP_UNROLL
    for (int i = 0; i < width; ++i) rows[i] = next[i];
  }
}

}  // namespace detail

/// to[p * step + i] = from[p * ld + i] for p in [0, depth), i in [0, count); elements i in [count, padded) become 0.
template <class T>
void pack_rows(std::int64_t depth, std::int64_t count, std::int64_t padded, const T* __restrict from, std::int64_t ld,
               T* __restrict to, std::int64_t step) {
  for (std::int64_t p = 0; p < depth; ++p) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
    for (std::int64_t i = count; i < padded; ++i) to[i] = 0;
    from += ld;
    to += step;
  }
}

/// The same for a transposed source: to[p * step + i] = from[i * ld + p].
template <class T>
[[gnu::noinline]] LOCKSTEP_WIDE_VECTORS void pack_columns(std::int64_t depth, std::int64_t count, std::int64_t padded,
                                                          const T* __restrict from, std::int64_t ld, T* __restrict to,
                                                          std::int64_t step) {
  constexpr int width = packet_width<T>;
  for (std::int64_t first = 0; first < padded; first += width) {
    const T* source = from + first * ld;
    T* target = to + first;
    std::int64_t p = 0;
    if (first + width <= count) {
      for (; p + width <= depth; p += width) {
        Packet<T> square[width];
        LOCKSTEP_UNROLL
        for (int i = 0; i < width; ++i) square[i] = load_packet(source + i * ld + p);
        detail::transpose_square<T>(square);
        LOCKSTEP_UNROLL
        for (int i = 0; i < width; ++i) store_packet(target + (p + i) * step, square[i]);
      }
    }
    const std::int64_t present = count - first < width ? count - first : width;
    for (; p < depth; ++p) {
      for (std::int64_t i = 0; i < width; ++i) target[p * step + i] = i < present ? source[i * ld + p] : T(0);
    }
  }
}

}  // namespace lockstep::cpu
