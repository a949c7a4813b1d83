// The control connections of a rank: frames go out from any thread and come in on one, and silence is noticed.
#pragma once

#include <lockstep/comm/tcp/control_channel.hpp>
#include <lockstep/comm/tcp/futex_lock.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/poller.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// News from a peer's control connection.
struct ControlNews {
  ControlChannel::Status status = ControlChannel::Status::nothing;
  ControlFrame frame = {};
  std::string fault = {};
};

class ControlLinks {
 public:
  using Clock = Deadline::Clock;

  /// `poller` is that of the receiving thread; a peer's connection has its rank for a number there.
  LOCKSTEP_ON_DEMAND ControlLinks(Mesh& mesh, Poller& poller)
      : mesh_(&mesh), poller_(&poller), links_(mesh.peers.size()) {
    for (MeshPeer& peer : mesh.peers) {
      Link& link = links_[static_cast<std::size_t>(peer.rank)];
      link.heard = Clock::now();
      link.open = link.heeded = static_cast<bool>(peer.control);
      if (link.open) poller.add(peer.control.descriptor(), EPOLLIN, static_cast<std::uint64_t>(peer.rank));
    }
  }
  ControlLinks(const ControlLinks&) = delete;
  ControlLinks& operator=(const ControlLinks&) = delete;

  bool is_open(int peer) {
    const LockGuard guard(lock_);
    return link(peer).heeded;
  }

  LOCKSTEP_ON_DEMAND void send(int peer, const ControlFrame& frame) {
    const LockGuard guard(lock_);
    send_locked(peer, frame);
  }

  LOCKSTEP_ON_DEMAND void broadcast(const ControlFrame& frame) {
    const LockGuard guard(lock_);
    for (int peer = 0; peer < mesh_->size; ++peer) send_locked(peer, frame);
  }

  /// A sign of life to everyone whose connection is not stuck.
  LOCKSTEP_ON_DEMAND void beat(const ControlFrame& frame) {
    const LockGuard guard(lock_);
    for (int peer = 0; peer < mesh_->size; ++peer) {
      if (link(peer).open && channel(peer).unsent() == 0) send_locked(peer, frame);
    }
  }

  /// The next news of a peer; call until the status is `nothing`. When its connection has ended, this says so once.
  LOCKSTEP_ON_DEMAND ControlNews receive(int peer) {
    const LockGuard guard(lock_);
    ControlNews news;
    if (!link(peer).heeded) return news;
    if (channel(peer).unsent() > 0) flush(peer);
    news.status = channel(peer).receive(news.frame);
    if (news.status == ControlChannel::Status::frame) link(peer).heard = Clock::now();
    // A process that is killed while bytes for it are under way resets its connections.
    if (news.status == ControlChannel::Status::failed && is_reset(channel(peer).fault())) {
      news.status = ControlChannel::Status::closed;
    }
    if (news.status == ControlChannel::Status::closed || news.status == ControlChannel::Status::failed) {
      link(peer).open = news.status == ControlChannel::Status::failed;  // it may still be told why
      if (link(peer).open) news.fault = channel(peer).fault();
      ignore(peer);
    }
    return news;
  }

  /// A rank whose open connection has been silent for longer than `limit`, or -1.
  LOCKSTEP_ON_DEMAND int find_silent(std::chrono::nanoseconds limit) {
    const LockGuard guard(lock_);
    const Clock::time_point now = Clock::now();
    for (int peer = 0; peer < mesh_->size; ++peer) {
      if (link(peer).heeded && now - link(peer).heard > limit) return peer;
    }
    return -1;
  }

  /// What was not heard while this process did not run is nobody's fault.
  void forgive_silence() {
    const LockGuard guard(lock_);
    for (Link& link : links_) link.heard = Clock::now();
  }

  /// Takes a peer for gone.
  LOCKSTEP_ON_DEMAND void give_up(int peer) {
    const LockGuard guard(lock_);
    link(peer).open = false;
    ignore(peer);
  }

  /// Waits, for at most `patience`, until the system has taken everything, and says that no more comes.
  LOCKSTEP_ON_DEMAND void finish(std::chrono::nanoseconds patience) {
    const Deadline deadline = Deadline::after(patience);
    const LockGuard guard(lock_);
    for (int peer = 0; peer < mesh_->size; ++peer) {
      if (!link(peer).open) continue;
      while (channel(peer).unsent() > 0 && channel(peer).flush() && channel(peer).unsent() > 0 && !deadline.passed()) {
        pollfd descriptor{channel(peer).descriptor(), POLLOUT, 0};
        ::poll(&descriptor, 1, 10);
      }
      channel(peer).stream().finish_writing();
      // A socket that is closed with unread bytes in it destroys what it has sent last.
      ControlFrame unread;
      while (channel(peer).receive(unread) == ControlChannel::Status::frame) {}
    }
  }

 private:
  struct Link {
    Clock::time_point heard{};
    bool open = false;    // frames may be sent
    bool heeded = false;  // frames are received
  };

  void ignore(int peer) {
    if (link(peer).heeded) poller_->remove(channel(peer).descriptor());
    link(peer).heeded = false;
  }

  LOCKSTEP_ON_DEMAND static bool is_reset(const std::string& fault) {
    return fault == std::strerror(ECONNRESET) || fault == std::strerror(EPIPE);
  }

  Link& link(int peer) { return links_[static_cast<std::size_t>(peer)]; }
  ControlChannel& channel(int peer) { return mesh_->peers[static_cast<std::size_t>(peer)].control; }

  LOCKSTEP_ON_DEMAND void send_locked(int peer, const ControlFrame& frame) {
    constexpr std::size_t longest_queue = 64 * ControlFrame::bytes;  // a peer that takes nothing gets nothing more
    if (!link(peer).open || channel(peer).unsent() > longest_queue) return;
    channel(peer).send(frame);
    flush(peer);
  }

  // A connection that breaks here is noticed by the thread that receives.
  LOCKSTEP_ON_DEMAND void flush(int peer) {
    channel(peer).flush();
    if (!link(peer).heeded) return;
    const std::uint32_t events = channel(peer).unsent() > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
    poller_->change(channel(peer).descriptor(), events, static_cast<std::uint64_t>(peer));
  }

  FutexLock lock_;
  Mesh* mesh_;
  Poller* poller_;
  std::vector<Link> links_;
};

}  // namespace lockstep::detail
