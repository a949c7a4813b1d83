// The control connections of a rank: frames go out from any thread and come in on one, and silence is noticed.
#pragma once

#include <lockstep/comm/tcp/control_channel.hpp>
#include <lockstep/comm/tcp/futex_lock.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/poller.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstddef>
#include <cstdint>
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
      link.open = static_cast<bool>(peer.control);
      if (link.open) poller.add(peer.control.descriptor(), EPOLLIN, static_cast<std::uint64_t>(peer.rank));
    }
  }
  ControlLinks(const ControlLinks&) = delete;
  ControlLinks& operator=(const ControlLinks&) = delete;

  bool is_open(int peer) {
    const LockGuard guard(lock_);
    return link(peer).open;
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
    if (!link(peer).open) return news;
    if (channel(peer).unsent() > 0) flush(peer);
    news.status = channel(peer).receive(news.frame);
    if (news.status == ControlChannel::Status::frame) link(peer).heard = Clock::now();
    if (news.status == ControlChannel::Status::closed || news.status == ControlChannel::Status::failed) {
      if (news.status == ControlChannel::Status::failed) news.fault = channel(peer).fault();
      poller_->remove(channel(peer).descriptor());
      link(peer).open = false;
    }
    return news;
  }

  /// A rank whose open connection has been silent for longer than `limit`, or -1.
  LOCKSTEP_ON_DEMAND int find_silent(std::chrono::nanoseconds limit) {
    const LockGuard guard(lock_);
    const Clock::time_point now = Clock::now();
    for (int peer = 0; peer < mesh_->size; ++peer) {
      if (link(peer).open && now - link(peer).heard > limit) return peer;
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
    if (!link(peer).open) return;
    poller_->remove(channel(peer).descriptor());
    link(peer).open = false;
  }

  /// Waits, for at most `patience`, until the system has taken everything.
  LOCKSTEP_ON_DEMAND void drain(std::chrono::nanoseconds patience) {
    const Deadline deadline = Deadline::after(patience);
    const LockGuard guard(lock_);
    for (int peer = 0; peer < mesh_->size; ++peer) {
      while (link(peer).open && channel(peer).unsent() > 0 && channel(peer).flush() && channel(peer).unsent() > 0) {
        pollfd descriptor{channel(peer).descriptor(), POLLOUT, 0};
        if (deadline.passed()) return;
        ::poll(&descriptor, 1, 10);
      }
    }
  }

 private:
  struct Link {
    Clock::time_point heard{};
    bool open = false;
  };

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
    const std::uint32_t events = channel(peer).unsent() > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
    poller_->change(channel(peer).descriptor(), events, static_cast<std::uint64_t>(peer));
  }

  FutexLock lock_;
  Mesh* mesh_;
  Poller* poller_;
  std::vector<Link> links_;
};

}  // namespace lockstep::detail
