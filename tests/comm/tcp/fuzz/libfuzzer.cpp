// For libFuzzer; without it, a function that nobody calls. From the root of the repository:
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude tests/comm/tcp/fuzz/libfuzzer.cpp -lcrypto
//   -o fuzz mkdir -p found && ./fuzz found tests/comm/tcp/fuzz/corpus
#include "check_parsers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (lockstep::testing::check_parsers(bytes) != nullptr) __builtin_trap();
  if (lockstep::testing::check_handshakes(bytes) != nullptr) __builtin_trap();
  return 0;
}
