// Packets: as wide as they say, from memory of any alignment.
#include <lockstep/kernels/cpu/packet.hpp>

#include <doctest/doctest.h>

using namespace lockstep::cpu;

TEST_CASE_TEMPLATE("packets are read, computed with and written", T, float, double) {
  static_assert(sizeof(Packet<T>) == packet_bytes && packet_width<T> * sizeof(T) == packet_bytes);
  T memory[packet_width<T> + 1] = {}, result[packet_width<T> + 1] = {};
  for (int i = 0; i <= packet_width<T>; ++i) memory[i] = static_cast<T>(i);
  store_packet(result + 1, T(2) * load_packet(memory + 1) + T(1));
  CHECK(result[0] == 0);
  for (int i = 1; i <= packet_width<T>; ++i) CHECK(result[i] == static_cast<T>(2 * i + 1));
}
