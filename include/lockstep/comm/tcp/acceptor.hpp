// The listening side of a meeting: takes in connections, many at a time, and gives out those that proved to be ranks of
// the job. Strangers cost it a bounded number of descriptors, bytes and seconds each, and are told nothing.
#pragma once

#include <lockstep/comm/tcp/admission.hpp>
#include <lockstep/comm/tcp/handshake.hpp>
#include <lockstep/comm/tcp/secure_stream.hpp>
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// What all connections of one rank's meeting have in common.
struct ConnectionSettings {
  RankIdentity self;
  JobKey key;
  SocketSettings socket;
  TlsContext tls;  ///< Empty when connections are plain.
};

/// A connection whose other side is who it says it is.
struct Arrival {
  RankIdentity peer;
  PeerChannel channel;
  SecureStream stream;
  SessionKeys keys;
};

/// Sends and receives for a handshake what goes without waiting; false when the connection is gone.
template <class Handshake>
bool exchange_handshake(const FileDescriptor& socket, Handshake& handshake, short& wanted) {
  for (;;) {
    wanted = 0;
    if (const auto bytes = handshake.output(); !bytes.empty()) {
      const ssize_t count = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count > 0) handshake.sent(static_cast<std::size_t>(count));
      if (count < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (count < 0) wanted = POLLOUT;
    } else if (const auto space = handshake.input(); !space.empty()) {
      const ssize_t count = ::recv(socket.get(), space.data(), space.size(), 0);
      if (count > 0) handshake.received(static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return false;
      if (count < 0) wanted = POLLIN;
    } else {
      return true;
    }
    if (wanted != 0) return true;
  }
}

class Acceptor {
 public:
  static constexpr std::size_t max_unproved = 64;
  static constexpr std::chrono::seconds patience{5};         // for a connection to prove itself
  static constexpr std::chrono::milliseconds courtesy{250};  // before a connection makes room for the next

  LOCKSTEP_ON_DEMAND Acceptor(FileDescriptor listener, const ConnectionSettings& settings)
      : listener_(std::move(listener)), settings_(settings) {}

  const FileDescriptor& listener() const { return listener_; }
  /// Connections that came and did not prove to be of this job.
  std::size_t turned_away() const { return turned_away_; }

  /// Adds what to wait for.
  LOCKSTEP_ON_DEMAND void watch(std::vector<pollfd>& list) {
    first_ = list.size();
    list.push_back({may_accept() ? listener_.get() : -1, POLLIN, 0});
    for (const Guest& guest : guests_) list.push_back({guest.descriptor(), guest.wanted, 0});
  }

  /// Acts on what the wait brought. `owner.judge(peer, channel, target)` gives a Judgement, `owner.arrive(Arrival)`
  /// takes a connection, `owner.lost(peer)` hears that a connection that was let in broke before it arrived.
  template <class Owner>
  void serve(std::span<const pollfd> list, Owner& owner) {
    std::size_t index = first_;
    const bool knock = (list[index].revents & (POLLIN | POLLERR)) != 0;
    for (auto guest = guests_.begin(); guest != guests_.end();) {
      const bool ready = list[++index].revents != 0;
      const Progress progress = ready ? move_on(*guest, owner) : Progress::waits;
      const bool late = !guest->admitted && guest->deadline.passed();
      if (progress == Progress::waits && !late) {
        ++guest;
        continue;
      }
      if (!guest->proved) ++turned_away_;
      Guest gone = std::move(*guest);
      guest = guests_.erase(guest);
      if (progress == Progress::arrived) {
        owner.arrive(Arrival{gone.handshake.peer(), gone.handshake.hello().channel, std::move(gone.stream),
                             gone.handshake.keys()});
      } else if (gone.admitted) {
        owner.lost(gone.handshake.peer());
      } else if (gone.judgement.fatal) {
        throw CommunicationError(gone.judgement.refusal);
      }
    }
    if (knock) accept_all();
  }

 private:
  struct Guest {
    Guest(FileDescriptor from, const ConnectionSettings& settings)
        : socket(std::move(from)), handshake(settings.self, settings.key) {}
    int descriptor() const { return stream ? stream.descriptor() : socket.get(); }

    FileDescriptor socket;  // until the handshake is done; then it is the stream's
    SecureStream stream;
    ServerHandshake handshake;
    Judgement judgement;
    Deadline came = Deadline::after(courtesy);
    Deadline deadline = Deadline::after(patience);
    bool proved = false, admitted = false;
    short wanted = POLLIN;
  };

  enum class Progress { waits, arrived, gone };

  template <class Owner>
  Progress move_on(Guest& guest, Owner& owner) {
    if (!guest.stream) {
      for (;;) {
        if (!exchange_handshake(guest.socket, guest.handshake, guest.wanted)) return Progress::gone;
        if (guest.handshake.state() != ServerHandshake::State::proved) break;
        guest.proved = true;
        guest.judgement =
            owner.judge(guest.handshake.peer(), guest.handshake.hello().channel, guest.handshake.hello().target);
        guest.admitted = guest.judgement.refusal.empty();
        if (guest.admitted) {
          guest.handshake.accept();
        } else {
          guest.handshake.refuse(guest.judgement.refusal);
        }
      }
      if (guest.handshake.state() == ServerHandshake::State::stranger) return Progress::gone;
      if (guest.wanted != 0) return Progress::waits;
      if (!guest.admitted) return Progress::gone;
      guest.stream = settings_.tls
                         ? SecureStream(std::move(guest.socket), settings_.tls, false, guest.handshake.keys().tls)
                         : SecureStream(std::move(guest.socket));
    }
    const std::ptrdiff_t status = guest.stream.secure();
    guest.wanted = guest.stream.wanted();
    return status > 0 ? Progress::arrived : status == stream_would_block ? Progress::waits : Progress::gone;
  }

  std::size_t unproved() const {
    std::size_t count = 0;
    for (const Guest& guest : guests_) count += !guest.admitted;
    return count;
  }

  /// A full house takes the next connection in only when its oldest guest has had time to speak.
  LOCKSTEP_ON_DEMAND bool may_accept() const {
    if (unproved() < max_unproved) return true;
    for (const Guest& guest : guests_) {
      if (!guest.admitted) return guest.came.passed();
    }
    return true;
  }

  LOCKSTEP_ON_DEMAND void drop_oldest() {
    for (auto guest = guests_.begin(); guest != guests_.end(); ++guest) {
      if (guest->admitted) continue;
      guests_.erase(guest);
      ++turned_away_;
      return;
    }
  }

  LOCKSTEP_ON_DEMAND void accept_all() {
    while (may_accept()) {
      FileDescriptor socket = accept_from(listener_, settings_.socket);
      if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        throw EnvironmentError(concat("tcp: ", describe(settings_.self), " cannot take a connection: ",
                                      std::strerror(errno), "; raise the limit of open files (ulimit -n)"));
      }
      if (!socket && (errno == EINTR || errno == ECONNABORTED)) continue;
      if (!socket) return;
      if (unproved() >= max_unproved) drop_oldest();
      guests_.emplace_back(std::move(socket), settings_);
    }
  }

  FileDescriptor listener_;
  const ConnectionSettings& settings_;
  std::list<Guest> guests_;  // the oldest first
  std::size_t first_ = 0;
  std::size_t turned_away_ = 0;
};

}  // namespace lockstep::detail
