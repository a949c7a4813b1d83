#include "tcp_test.hpp"
#include <lockstep/comm/tcp/secure_stream.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

std::pair<SecureStream, SecureStream> streams(bool encrypted) {
  auto [a, b] = socket_pair();
  if (!encrypted) return {SecureStream(std::move(a)), SecureStream(std::move(b))};
  const TlsContext context = TlsContext::make();
  const Digest key{};
  std::pair<SecureStream, SecureStream> result{SecureStream(std::move(a), context, true, key),
                                               SecureStream(std::move(b), context, false, key)};
  for (std::ptrdiff_t ours = 0, theirs = 0; ours == 0 || theirs == 0;) {
    ours = result.first.secure();
    theirs = result.second.secure();
    REQUIRE(ours >= 0);
    REQUIRE(theirs >= 0);
  }
  return result;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("bytes of many megabytes arrive whole and in order though neither side ever waits") {
  for (const bool encrypted : {false, true}) {
    CAPTURE(encrypted);
    auto [from, to] = streams(encrypted);
    CHECK(from.encrypted() == encrypted);
    std::vector<std::uint32_t> sent(2'000'000), received(sent.size());
    std::iota(sent.begin(), sent.end(), 0U);
    std::span<const std::byte> left = std::as_bytes(std::span(sent));
    std::span<std::byte> open = std::as_writable_bytes(std::span(received));
    std::size_t full = 0, empty = 0;
    while (!open.empty()) {
      while (!left.empty()) {
        const std::size_t first = std::min<std::size_t>(left.size(), 24);  // like a header before its bytes
        const std::array<iovec, 2> parts{iovec{const_cast<std::byte*>(left.data()), first},
                                         iovec{const_cast<std::byte*>(left.data() + first), left.size() - first}};
        const std::ptrdiff_t count = from.write_some(std::span<const iovec>(parts));
        REQUIRE(count >= 0);
        if (count == stream_would_block) {
          CHECK(from.wanted() == POLLOUT);
          ++full;
          break;
        }
        left = left.subspan(static_cast<std::size_t>(count));
      }
      while (!open.empty()) {
        const std::ptrdiff_t count = to.read_some(open.first(std::min<std::size_t>(open.size(), 100'000)));
        REQUIRE(count >= 0);
        if (count == stream_would_block) {
          CHECK(to.wanted() == POLLIN);
          ++empty;
          break;
        }
        open = open.subspan(static_cast<std::size_t>(count));
      }
    }
    CHECK(sent == received);
    CHECK(full > 0);
    CHECK(empty > 0);
    CHECK_FALSE(to.has_buffered());
  }
}

TEST_CASE("an encrypted stream that took a part insists on the rest of it, and nothing is lost by asking") {
  auto [from, to] = streams(true);
  const std::vector<std::byte> sent(4'000'000, std::byte{7});
  std::span<const std::byte> left(sent);
  for (std::ptrdiff_t count = 1; count > 0;) {
    count = from.write_some(left);
    REQUIRE(count >= 0);
    left = left.subspan(static_cast<std::size_t>(count));
  }
  REQUIRE(left.size() > 1);
  CHECK(from.write_some(left.first(1)) == stream_failed);
  CHECK(from.fault() == "Invalid argument");
  std::vector<std::byte> received(sent.size());
  std::span<std::byte> open(received);
  while (!open.empty()) {
    if (!left.empty()) {
      const std::ptrdiff_t count = from.write_some(left);
      REQUIRE(count >= 0);
      left = left.subspan(static_cast<std::size_t>(count));
    }
    const std::ptrdiff_t count = to.read_some(open);
    REQUIRE(count >= 0);
    open = open.subspan(static_cast<std::size_t>(count));
  }
  CHECK(received == sent);
}

TEST_CASE("the other side's end comes after its last bytes") {
  for (const bool encrypted : {false, true}) {
    CAPTURE(encrypted);
    auto [from, to] = streams(encrypted);
    REQUIRE(from.write_some(bytes_of("last words")) == 10);
    from.finish_writing();
    std::array<std::byte, 100> heard;
    CHECK(to.read_some(heard) == 10);
    CHECK(to.read_some(heard) == stream_closed);
    CHECK(to.write_some(bytes_of("answer")) == 6);  // its other half is open
    CHECK(from.read_some(heard) == 6);
  }
}

TEST_CASE("a side that is gone is closed, without a signal") {
  for (const bool encrypted : {false, true}) {
    CAPTURE(encrypted);
    auto [from, to] = streams(encrypted);
    to.close();
    CHECK_FALSE(to);
    std::array<std::byte, 100> heard;
    CHECK(from.read_some(heard) == stream_closed);
    from.write_some(bytes_of("x"));
    CHECK(from.write_some(bytes_of("x")) < 0);
  }
}

TEST_CASE("shutting down wakes both ends") {
  auto [from, to] = streams(false);
  from.shut_down();
  std::array<std::byte, 10> heard;
  CHECK(from.read_some(heard) == stream_closed);
  CHECK(to.read_some(heard) == stream_closed);
}

TEST_CASE("bytes that were not encrypted with the key are an error that says so") {
  auto [from, to] = streams(true);
  const std::string garbage(100, 'x');
  REQUIRE(::send(from.descriptor(), garbage.data(), garbage.size(), 0) == 100);
  std::array<std::byte, 100> heard;
  CHECK(to.read_some(heard) == stream_failed);
  CHECK(to.fault() == "what came was not encrypted with the key of this connection");
}

TEST_CASE("a connection that breaks says how") {
  const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  SecureStream ours{connect_as_stranger(local_address(listener.get()).port())};
  REQUIRE(ours);
  {
    const FileDescriptor theirs = accept_from(listener, {});
    const linger reset{1, 0};
    ::setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  std::array<std::byte, 100> heard;
  CHECK(ours.read_some(heard) == stream_failed);
  CHECK(ours.fault() == "Connection reset by peer");
}
