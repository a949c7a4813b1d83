// A rank that knows the secret and goes through the meeting step by step, as far as a test wants and no further.
#pragma once

#include "tcp_test.hpp"
#include <lockstep/comm/tcp/connector.hpp>
#include <lockstep/comm/tcp/control_channel.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::testing {

class FakeRank {
 public:
  explicit FakeRank(const TcpOptions& options) {
    settings.self.rank = options.rank;
    settings.self.size = options.size;
    settings.self.epoch = options.epoch;
    settings.self.encrypt = options.encrypt;
    settings.self.sockets_per_peer = options.sockets_per_peer;
    settings.self.process = 4242;
    settings.self.host = "fake";
    settings.key = detail::JobKey::from(options.job_id, *options.secret);
    port_ = options.master_port;
  }

  /// Connects to rank 0 and lets itself be accepted. Throws what the library throws.
  void join() {
    detail::Connector connector(settings, {*detail::numeric_address("127.0.0.1", port_)}, 0, {});
    const Deadline deadline = Deadline::after(std::chrono::seconds(20));
    while (!connector.done()) {
      if (deadline.passed()) throw CommunicationError("fake rank: nobody let it in");
      std::vector<pollfd> list;
      connector.watch(list);
      detail::wait_for_any(list, Deadline::after(std::chrono::milliseconds(10)));
      connector.serve(list);
    }
    detail::Arrival arrival = connector.take();
    channel = detail::ControlChannel(std::move(arrival.stream), arrival.keys);
  }

  /// Says where it listens.
  void register_at(int port) {
    detail::ControlFrame frame{.kind = detail::ControlKind::peer, .culprit = settings.self.rank};
    frame.process = settings.self.process;
    frame.host = settings.self.host;
    frame.text = "127.0.0.1";
    frame.port = static_cast<std::uint16_t>(port);
    channel.send(frame);
    channel.flush();
  }

  /// The next frame from rank 0; throws when there is none in time.
  detail::ControlFrame hear() {
    detail::ControlFrame frame;
    const Deadline deadline = Deadline::after(std::chrono::seconds(20));
    for (;;) {
      const auto status = channel.receive(frame);
      if (status == detail::ControlChannel::Status::frame) return frame;
      pollfd descriptor{channel.descriptor(), POLLIN, 0};
      if (status != detail::ControlChannel::Status::nothing || !detail::wait_for_any({&descriptor, 1}, deadline)) {
        throw CommunicationError("fake rank: rank 0 has nothing more to say");
      }
    }
  }

  detail::ConnectionSettings settings;
  detail::ControlChannel channel;

 private:
  int port_ = 0;
};

}  // namespace lockstep::testing
