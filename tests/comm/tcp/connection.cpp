#include "tcp_test.hpp"
#include <lockstep/comm/tcp/connection.hpp>

#include <doctest/doctest.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

using Bytes = std::vector<std::byte>;

/// Two ends whose kernel buffers hold `buffer_bytes` or a little more; 0: as the system is set.
std::pair<FileDescriptor, FileDescriptor> narrow_pair(int buffer_bytes) {
  auto ends = socket_pair();
  if (buffer_bytes > 0) {
    for (const int end : {ends.first.get(), ends.second.get()}) {
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
  }
  return ends;
}

/// A sink with a guard behind the payload, and a count of what it was told of.
struct GuardedSink {
  explicit GuardedSink(std::size_t length) : bytes(length + 64, std::byte{0xee}) {}
  std::span<std::byte> window(std::size_t offset) {
    const std::size_t rest = bytes.size() - 64 - offset;
    return std::span(bytes).subspan(offset, std::min<std::size_t>(rest, 4096));
  }
  void filled(std::size_t offset, std::size_t count) {
    in_order = in_order && offset == told;
    told += count;
  }
  bool guard_stands() const {
    return std::all_of(bytes.end() - 64, bytes.end(), [](std::byte b) { return b == std::byte{0xee}; });
  }
  Bytes bytes;
  std::size_t told = 0;
  bool in_order = true;
};

struct Ends {
  explicit Ends(int buffer_bytes = 0) {
    auto ends = narrow_pair(buffer_bytes);
    near_stream = SecureStream(std::move(ends.first));
    far_stream = SecureStream(std::move(ends.second));
  }
  SecureStream near_stream, far_stream;
  Connection near{near_stream}, far{far_stream};
};

DataHeader header_of(std::uint64_t length) {
  return {.epoch = 3, .sequence = 7, .fingerprint = 11, .length = length, .step = 2};
}

Bytes pattern(std::size_t length, unsigned seed = 0) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>((i * 31 + i / 251 + seed) & 0xff);
  return bytes;
}

/// Moves both directions until all has arrived; epoll's part is played by `report`. What TLS holds back of a record
/// moves without anybody being told, so rounds in which nothing seems to move are no end.
void drive(Ends& ends, GuardedSink& near_sink, GuardedSink& far_sink) {
  for (int round = 0; ends.near.receiving() || ends.far.receiving(); ++round) {
    REQUIRE(round < 100'000);
    ends.near.report(EPOLLIN | EPOLLOUT);
    ends.far.report(EPOLLIN | EPOLLOUT);
    REQUIRE(!is_trouble(ends.near.advance_sending()));
    REQUIRE(!is_trouble(ends.far.advance_sending()));
    REQUIRE(!is_trouble(ends.near.advance_receiving(near_sink)));
    REQUIRE(!is_trouble(ends.far.advance_receiving(far_sink)));
  }
}

void write_raw(const SecureStream& stream, std::span<const std::byte> bytes) {
  REQUIRE(::send(stream.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

}  // namespace

TEST_CASE("messages of any length cross in both directions at once, whatever the kernel takes at a time") {
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, 3 * Connection::burst + 17}) {
    CAPTURE(length);
    Ends ends(2048);
    const Bytes there = pattern(length, 1), back = pattern(length, 2);
    GuardedSink near_sink(length), far_sink(length);
    ends.near.send(header_of(length), there.data());
    ends.far.send(header_of(length), back.data());
    ends.near.expect(header_of(length));
    ends.far.expect(header_of(length));
    CHECK(ends.near.sending());
    CHECK(ends.far.receiving());
    drive(ends, near_sink, far_sink);
    CHECK_FALSE(ends.near.sending());
    CHECK_FALSE(ends.far.receiving());
    CHECK(ends.far.payload_received() == length);
    CHECK(far_sink.told == length);
    CHECK(far_sink.in_order);
    CHECK(std::equal(there.begin(), there.end(), far_sink.bytes.begin()));
    CHECK(std::equal(back.begin(), back.end(), near_sink.bytes.begin()));
    CHECK(near_sink.guard_stands());
    CHECK(far_sink.guard_stands());
  }
}

TEST_CASE("no payload is believed before the whole header has come and is the expected one") {
  Ends ends;
  GuardedSink sink(8);
  const auto header = encode(header_of(8));
  const Bytes payload = pattern(8);
  ends.far.expect(header_of(8));
  for (const std::byte byte : header) {
    CHECK(sink.told == 0);
    write_raw(ends.near_stream, {&byte, 1});
    ends.far.report(EPOLLIN);
    CHECK(ends.far.advance_receiving(sink) == Flow::moved);
    CHECK(ends.far.payload_received() == 0);
  }
  for (std::size_t i = 0; i < payload.size(); ++i) {
    CHECK(ends.far.receiving());
    write_raw(ends.near_stream, std::span(payload).subspan(i, 1));
    CHECK(ends.far.advance_receiving(sink) == Flow::moved);
    CHECK(sink.told == i + 1);
  }
  CHECK_FALSE(ends.far.receiving());
}

TEST_CASE("a header that differs in anything is a mismatch, and the sink hears of nothing") {
  const DataHeader expected = header_of(100);
  DataHeader others[5] = {expected, expected, expected, expected, expected};
  others[0].epoch = 4;
  others[1].sequence = 8;
  others[2].fingerprint = 12;
  others[3].length = 200;
  others[4].step = 3;
  for (const DataHeader& other : others) {
    Ends ends;
    GuardedSink sink(100);
    const Bytes payload = pattern(200);
    ends.near.send(other, payload.data());
    while (ends.near.sending()) REQUIRE(ends.near.advance_sending() == Flow::moved);
    ends.far.expect(expected);
    CHECK(ends.far.advance_receiving(sink) == Flow::mismatch);
    CHECK(ends.far.received() == other);
    CHECK(ends.far.expected() == expected);
    CHECK(sink.told == 0);
    CHECK(sink.guard_stands());
  }
}

TEST_CASE("bytes that are no header are malformed, however long the message would be") {
  Ends ends;
  GuardedSink sink(64);
  write_raw(ends.near_stream, pattern(DataHeader::bytes + 64));
  ends.far.expect(header_of(64));
  CHECK(ends.far.advance_receiving(sink) == Flow::malformed);
  CHECK(ends.far.fault() == "this is no header of a collective");
  CHECK(sink.told == 0);

  Ends endless;
  write_raw(endless.near_stream, encode(header_of(DataHeader::max_length + 1)));
  endless.far.expect(header_of(64));
  CHECK(endless.far.advance_receiving(sink) == Flow::malformed);
  CHECK(endless.far.fault() == "the header names an impossible length");
}

TEST_CASE("what comes before it is expected stays in the kernel, and messages do not run into each other") {
  Ends ends;
  const Bytes first = pattern(10, 1), second = pattern(20, 2);
  GuardedSink first_sink(10), second_sink(20);
  CHECK(ends.far.advance_receiving(first_sink) == Flow::idle);
  for (const Bytes* payload : {&first, &second}) {
    write_raw(ends.near_stream, encode(header_of(payload->size())));
    write_raw(ends.near_stream, *payload);
  }
  CHECK(ends.far.advance_receiving(first_sink) == Flow::idle);
  ends.far.expect(header_of(10));
  while (ends.far.receiving()) REQUIRE(ends.far.advance_receiving(first_sink) == Flow::moved);
  CHECK(first_sink.told == 10);
  CHECK(first_sink.guard_stands());
  CHECK(ends.far.advance_receiving(first_sink) == Flow::idle);
  ends.far.expect(header_of(20));
  while (ends.far.receiving()) REQUIRE(ends.far.advance_receiving(second_sink) == Flow::moved);
  CHECK(std::equal(second.begin(), second.end(), second_sink.bytes.begin()));
}

TEST_CASE("a socket that would block is left alone until epoll reports, or somebody looks again") {
  Ends ends;
  GuardedSink sink(0);
  ends.far.expect(header_of(0));
  CHECK(ends.far.advance_receiving(sink) == Flow::idle);
  write_raw(ends.near_stream, encode(header_of(0)));
  CHECK(ends.far.advance_receiving(sink) == Flow::idle);
  ends.far.report(EPOLLOUT);
  CHECK(ends.far.advance_receiving(sink) == Flow::idle);
  ends.far.look_again();
  CHECK(ends.far.advance_receiving(sink) == Flow::moved);
  CHECK_FALSE(ends.far.receiving());
}

TEST_CASE("an end is told as closed behind all that came before it, a reset as broken") {
  Ends ends;
  GuardedSink sink(8);
  write_raw(ends.near_stream, encode(header_of(8)));
  write_raw(ends.near_stream, pattern(5));
  ends.near_stream.finish_writing();
  ends.far.expect(header_of(8));
  while (sink.told < 5) REQUIRE(ends.far.advance_receiving(sink) == Flow::moved);
  CHECK(ends.far.advance_receiving(sink) == Flow::closed);
  CHECK(ends.far.receiving());

  Ends reset;
  const Bytes payload = pattern(8);
  write_raw(reset.far_stream, payload);
  reset.near_stream.close();  // with unread bytes: a reset
  reset.far.expect(header_of(8));
  CHECK(reset.far.advance_receiving(sink) == Flow::broken);
  CHECK(reset.far.fault() == "Connection reset by peer");
  reset.far.send(header_of(8), payload.data());
  CHECK(reset.far.advance_sending() == Flow::closed);
}

TEST_CASE("encrypted connections give the same, with their bytes inside TLS") {
  for (const std::size_t length : {std::size_t{0}, std::size_t{100}, std::size_t{300'000}}) {
    const TlsContext context = TlsContext::make();
    Digest key{};
    key.fill(std::byte{5});
    Ends ends;
    auto sockets = narrow_pair(4096);  // less than a record
    ends.near_stream = SecureStream(std::move(sockets.first), context, true, key);
    ends.far_stream = SecureStream(std::move(sockets.second), context, false, key);
    for (std::ptrdiff_t near = 0, far = 0; near == 0 || far == 0;) {
      near = ends.near_stream.secure();
      far = ends.far_stream.secure();
      REQUIRE(near >= 0);
      REQUIRE(far >= 0);
    }
    const Bytes there = pattern(length, 1), back = pattern(length, 2);
    GuardedSink near_sink(length), far_sink(length);
    ends.near.send(header_of(length), there.data());
    ends.far.send(header_of(length), back.data());
    ends.near.expect(header_of(length));
    ends.far.expect(header_of(length));
    drive(ends, near_sink, far_sink);
    CHECK_FALSE(ends.far.receiving());
    CHECK(std::equal(there.begin(), there.end(), far_sink.bytes.begin()));
    CHECK(std::equal(back.begin(), back.end(), near_sink.bytes.begin()));
    CHECK(far_sink.guard_stands());
  }
}
