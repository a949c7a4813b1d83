#include "tcp_test.hpp"
#include <lockstep/comm/tcp/last_frame.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

std::pair<ControlChannel, ControlChannel> channels() {
  const FileDescriptor listener = listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
  FileDescriptor theirs = connect_as_stranger(local_address(listener.get()).port());
  return {ControlChannel(SecureStream(accept_from(listener, {})), {}),
          ControlChannel(SecureStream(std::move(theirs)), {})};
}

}  // namespace

TEST_CASE("the last frame is heard though the channel held bytes that nobody read") {
  auto [ours, theirs] = channels();
  ControlFrame frame;
  for (int i = 0; i < 20; ++i) theirs.send(frame);
  REQUIRE(theirs.flush());
  std::string heard;
  Thread listener([&heard, channel = &theirs] {  // reads after the other side is gone, had it not waited
    sleep_for(std::chrono::milliseconds(100));
    ControlFrame last;
    if (channel->receive(last) == ControlChannel::Status::frame) heard = last.text;
    channel->stream().close();
  });
  ControlFrame failure{.kind = ControlKind::failure};
  failure.text = "rank 1 is gone";
  send_last_frame({&ours}, failure, Deadline::after(std::chrono::seconds(20)));
  ours.stream().close();
  listener.join();
  CHECK(heard == "rank 1 is gone");
}

TEST_CASE("who does not listen is waited for until the deadline, and no longer") {
  auto [ours, theirs] = channels();
  const auto start = std::chrono::steady_clock::now();
  send_last_frame({&ours}, {.kind = ControlKind::failure}, Deadline::after(std::chrono::milliseconds(100)));
  const auto time = std::chrono::steady_clock::now() - start;
  CHECK(time >= std::chrono::milliseconds(100));
  CHECK(time < std::chrono::seconds(5));
}

TEST_CASE("who is gone is not waited for") {
  auto [ours, theirs] = channels();
  theirs.stream().close();
  const auto start = std::chrono::steady_clock::now();
  send_last_frame({&ours}, {.kind = ControlKind::failure}, Deadline::after(std::chrono::seconds(30)));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}
