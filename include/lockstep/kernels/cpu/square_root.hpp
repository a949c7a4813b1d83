// Square roots of a short array with vector instructions. std::sqrt may set errno, so compilers leave a loop over it
// scalar unless the whole program is built with -fno-math-errno; a header cannot ask for that, one instruction can.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace lockstep::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
#if defined(__AVX__)
inline constexpr std::int64_t square_root_bytes = 32;
#define LOCKSTEP_SQUARE_ROOT(suffix) "vsqrt" suffix " %1, %0"
#else
inline constexpr std::int64_t square_root_bytes = 16;
#define LOCKSTEP_SQUARE_ROOT(suffix) "sqrt" suffix " %1, %0"
#endif

/// values[i] = sqrt(values[i]), correctly rounded, hence the same bits as std::sqrt.
inline void square_roots(std::int64_t count, float* values) {
  typedef float Packet __attribute__((vector_size(square_root_bytes)));
  constexpr std::int64_t width = square_root_bytes / static_cast<std::int64_t>(sizeof(float));
  const std::int64_t packed = count - count % width;
  for (std::int64_t i = 0; i < packed; i += width) {
    Packet packet;
    std::memcpy(&packet, values + i, sizeof packet);
    __asm__(LOCKSTEP_SQUARE_ROOT("ps") : "=x"(packet) : "x"(packet));
    std::memcpy(values + i, &packet, sizeof packet);
  }
  for (std::int64_t i = packed; i < count; ++i) values[i] = std::sqrt(values[i]);
}

/// The same for double.
inline void square_roots(std::int64_t count, double* values) {
  typedef double Packet __attribute__((vector_size(square_root_bytes)));
  constexpr std::int64_t width = square_root_bytes / static_cast<std::int64_t>(sizeof(double));
  const std::int64_t packed = count - count % width;
  for (std::int64_t i = 0; i < packed; i += width) {
    Packet packet;
    std::memcpy(&packet, values + i, sizeof packet);
    __asm__(LOCKSTEP_SQUARE_ROOT("pd") : "=x"(packet) : "x"(packet));
    std::memcpy(values + i, &packet, sizeof packet);
  }
  for (std::int64_t i = packed; i < count; ++i) values[i] = std::sqrt(values[i]);
}

#undef LOCKSTEP_SQUARE_ROOT
#else

/// values[i] = sqrt(values[i]).
template <class T>
void square_roots(std::int64_t count, T* values) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = std::sqrt(values[i]);
}

#endif

}  // namespace lockstep::cpu
