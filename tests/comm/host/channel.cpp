#include <lockstep/comm/host/channel.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace lockstep::detail;

TEST_CASE("bytes come out of a channel as they went in, across its end, in whole lines") {
  constexpr std::size_t bytes = 8192;
  const lockstep::AlignedMemory memory(bytes);
  Channel::construct(memory.data());
  Channel out(memory.data(), bytes), in(memory.data(), bytes);
  const std::size_t capacity = out.room();
  CHECK(capacity == bytes - sizeof(ChannelControl));
  CHECK(in.available() == 0);
  for (std::size_t round = 0; round < 300; ++round) {
    const std::size_t length = round * 37 % 4000;
    std::vector<unsigned char> sent(length), received(length);
    for (std::size_t i = 0; i < length; ++i) sent[i] = static_cast<unsigned char>(round + i);
    out.write(sent.data(), length);
    CHECK(in.available() == 0);  // not published yet
    out.control().sender.written = out.written();
    CHECK(in.available() == whole_lines(length));
    CHECK(out.room() == capacity - whole_lines(length));
    in.read(received.data(), length);
    out.control().receiver.read = in.read();
    CHECK(out.room() == capacity);
    CHECK(received == sent);
  }
}
