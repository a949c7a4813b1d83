// Someone in the middle: passes connections on to a port, keeps all that goes by, and changes a byte if told to.
#pragma once

#include "tcp_test.hpp"
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/thread.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::testing {

class Proxy {
 public:
  /// Passes on to `target`; changes byte `spoiled` of what the caller of connection number `connection` says.
  explicit Proxy(int target, int connection = -1, std::size_t spoiled = 0)
      : target_(target), connection_(connection), spoiled_(spoiled) {
    listener_ = detail::listen_on(*detail::numeric_address("127.0.0.1", 0), {}, Deadline::after({}));
    thread_ = Thread([this] { run(); });
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy() { stop(); }

  int port() const { return detail::local_address(listener_.get()).port(); }

  /// Ends all connections.
  void stop() {
    stopped_ = true;
    thread_.join();
  }

  /// After stop(): everything that went by, in both directions, of all connections.
  std::string everything() const {
    std::string text;
    for (const Line& line : lines_) text += line.said[0] + line.said[1];
    return text;
  }

  /// After stop(): what the caller of a connection said.
  const std::string& said_by_caller(std::size_t connection) const {
    auto line = lines_.begin();
    std::advance(line, static_cast<std::ptrdiff_t>(connection));
    return line->said[0];
  }

 private:
  struct Line {
    std::array<FileDescriptor, 2> ends;  // the caller, the target
    std::array<std::string, 2> said;
  };

  void run() {
    std::array<char, 65536> buffer;
    while (!stopped_) {
      std::vector<pollfd> list{{listener_.get(), POLLIN, 0}};
      std::vector<std::pair<Line*, std::size_t>> sides;
      int number = 0;
      for (Line& line : lines_) {
        for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
          list.push_back({line.ends[side].get(), POLLIN, 0});
          sides.emplace_back(&line, side);
        }
      }
      ::poll(list.data(), list.size(), 20);
      for (std::size_t i = 0; i < sides.size(); ++i) {
        number = static_cast<int>(i / 2);
        auto [line, side] = sides[i];
        if (list[i + 1].revents == 0 || !line->ends[side]) continue;
        const ssize_t count = ::recv(line->ends[side].get(), buffer.data(), buffer.size(), 0);
        if (count <= 0) {
          line->ends[0].close();
          line->ends[1].close();
          continue;
        }
        std::string& said = line->said[side];
        const std::size_t before = said.size();
        said.append(buffer.data(), static_cast<std::size_t>(count));
        if (number == connection_ && side == 0 && spoiled_ >= before && spoiled_ < said.size()) said[spoiled_] ^= 1;
        ::send(line->ends[1 - side].get(), said.data() + before, said.size() - before, MSG_NOSIGNAL);
      }
      if (list[0].revents != 0) {
        FileDescriptor caller = detail::accept_from(listener_, {});
        FileDescriptor callee = connect_as_stranger(target_);
        if (!caller || !callee) continue;
        lines_.push_back({{std::move(caller), std::move(callee)}, {}});
      }
    }
  }

  int target_;
  int connection_;
  std::size_t spoiled_;
  FileDescriptor listener_;
  std::list<Line> lines_;
  std::atomic<bool> stopped_ = false;
  Thread thread_;
};

}  // namespace lockstep::testing
