// Vectors as wide as the machine's registers, in the vector extension that g++ and clang share: arithmetic operators
// work element by element, a scalar operand is broadcast, and a * b + c becomes a fused multiply-add where there is
// one.
#pragma once

#include <cstdint>
#include <cstring>

namespace lockstep::cpu {

#if defined(__AVX512F__)
inline constexpr int packet_bytes = 64;
#elif defined(__AVX__)
inline constexpr int packet_bytes = 32;
#else
inline constexpr int packet_bytes = 16;
#endif

/// How many vector registers there are.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int packet_registers = 32;
#else
inline constexpr int packet_registers = 16;
#endif

// clang splits wide vectors in two on processors that it tunes for narrow ones, unless a function says it wants them.
#if defined(__clang__) && defined(__AVX512F__)
#define LOCKSTEP_WIDE_VECTORS __attribute__((min_vector_width(512)))
#else
#define LOCKSTEP_WIDE_VECTORS
#endif

#if defined(__clang__)
#define LOCKSTEP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LOCKSTEP_UNROLL _Pragma("GCC unroll 64")
#endif

namespace detail {

template <class T>
struct PacketOf;
template <>
struct PacketOf<float> {
  typedef float Type __attribute__((vector_size(packet_bytes)));
};
template <>
struct PacketOf<double> {
  typedef double Type __attribute__((vector_size(packet_bytes)));
};

}  // namespace detail

/// A register full of T.
template <class T>
using Packet = typename detail::PacketOf<T>::Type;

/// The number of elements of a Packet<T>.
template <class T>
inline constexpr int packet_width = packet_bytes / static_cast<int>(sizeof(T));

/// Reads a packet from memory of any alignment.
template <class T>
[[gnu::always_inline]] inline Packet<T> load_packet(const T* from) {
  Packet<T> packet;
  std::memcpy(&packet, from, sizeof packet);
  return packet;
}

/// Writes a packet to memory of any alignment.
template <class T>
[[gnu::always_inline]] inline void store_packet(T* to, Packet<T> packet) {
  std::memcpy(to, &packet, sizeof packet);
}

}  // namespace lockstep::cpu
