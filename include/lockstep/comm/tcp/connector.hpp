// The calling side of a meeting: one connection to one rank, tried again and again until it stands.
#pragma once

#include <lockstep/comm/tcp/acceptor.hpp>
#include <lockstep/comm/tcp/handshake.hpp>
#include <lockstep/comm/tcp/secure_stream.hpp>
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/file.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

class Connector {
 public:
  static constexpr std::chrono::seconds connect_limit{10};    // then another attempt may do better
  static constexpr std::chrono::seconds handshake_limit{30};  // longer: a door full of strangers is worth the wait
  static constexpr std::chrono::seconds wrong_secret_limit{5};

  LOCKSTEP_ON_DEMAND Connector(const ConnectionSettings& settings, std::vector<SocketAddress> addresses, int target,
                               PeerChannel channel)
      : settings_(&settings), addresses_(std::move(addresses)), target_(target), channel_(channel) {}

  bool done() const { return state_ == State::done; }
  int target() const { return target_; }
  PeerChannel channel() const { return channel_; }

  /// The next attempts go to these; none at all are made while there are none.
  LOCKSTEP_ON_DEMAND void set_addresses(std::vector<SocketAddress> addresses) { addresses_ = std::move(addresses); }

  /// Adds what to wait for (one entry, which is empty between attempts).
  LOCKSTEP_ON_DEMAND void watch(std::vector<pollfd>& list) {
    if (state_ == State::idle && pause_.passed() && !addresses_.empty()) begin();
    first_ = list.size();
    const int descriptor = state_ == State::secure ? stream_.descriptor() : socket_.get();
    list.push_back({state_ == State::idle || state_ == State::done ? -1 : descriptor, wanted_, 0});
  }

  /// Acts on what the wait brought. Throws CommunicationError when the rank at the other end turns this one away, or
  /// belongs to the job of the same name but has another secret.
  LOCKSTEP_ON_DEMAND void serve(std::span<const pollfd> list) {
    if (state_ == State::idle || state_ == State::done) return;
    if (list[first_].revents != 0) move_on();
    if (state_ != State::idle && state_ != State::done && attempt_.passed()) {
      give_up(state_ == State::connecting ? "no answer to the attempt to connect"
                                          : "it took the connection, but did not answer as a rank would");
    }
  }

  /// The connection, once done.
  LOCKSTEP_ON_DEMAND Arrival take() { return {handshake_->peer(), channel_, std::move(stream_), handshake_->keys()}; }

  /// What stands in the way: "tried 12 times at 10.1.2.3:29500; at last: Connection refused".
  LOCKSTEP_ON_DEMAND std::string obstacle() const {
    if (attempts_ == 0) return "not tried, its address is not known";
    return concat("tried ", attempts_, attempts_ == 1 ? " time at " : " times, last at ", to_string(last_address_),
                  ": ", obstacle_.empty() ? "no answer yet" : obstacle_);
  }

  /// Where the last attempt went.
  const SocketAddress& address() const { return last_address_; }

  /// Whether somebody answered, who is none of this job.
  bool met_stranger() const { return met_stranger_; }

 private:
  enum class State { idle, connecting, handshake, secure, done };

  LOCKSTEP_ON_DEMAND void begin() {
    last_address_ = addresses_[attempts_ % addresses_.size()];
    ++attempts_;
    attempt_ = Deadline::after(connect_limit);
    int status = 0;
    socket_ = begin_connect(last_address_, settings_->socket, status);
    if (status != 0 && status != EINPROGRESS) return give_up(std::strerror(status));
    state_ = State::connecting;
    wanted_ = POLLOUT;
  }

  LOCKSTEP_ON_DEMAND void move_on() {
    if (state_ == State::connecting) {
      const int status = connect_status(socket_);
      if (status != 0) return give_up(std::strerror(status));
      handshake_.emplace(settings_->self, settings_->key, target_, channel_);
      state_ = State::handshake;
      attempt_ = Deadline::after(handshake_limit);
    }
    if (state_ == State::handshake) {
      const bool alive = exchange_handshake(socket_, *handshake_, wanted_);
      switch (handshake_->state()) {
        case ClientHandshake::State::accepted:
          break;
        case ClientHandshake::State::refused:
          throw CommunicationError(handshake_->refusal());
        case ClientHandshake::State::stranger:
          met_stranger_ = true;
          return on_stranger();
        default:
          if (alive) return;
          if (handshake_->state() == ClientHandshake::State::verdict) {
            return give_up("it ended the connection before it let this rank in");
          }
          met_stranger_ = true;
          return give_up("it ended the connection without proving that it knows this job");
      }
      check_peer();
      stream_ = settings_->tls ? SecureStream(std::move(socket_), settings_->tls, true, handshake_->keys().tls)
                               : SecureStream(std::move(socket_));
      state_ = State::secure;
    }
    const std::ptrdiff_t status = stream_.secure();
    wanted_ = stream_.wanted();
    if (status > 0) {
      state_ = State::done;
    } else if (status != stream_would_block) {
      throw CommunicationError(concat("tcp: ", describe(handshake_->peer()), " let ", describe(settings_->self),
                                      " in, but encryption did not come about: ", stream_.fault()));
    }
  }

  /// It has proved that it belongs to the job and let this rank in; is it the one that was meant?
  LOCKSTEP_ON_DEMAND void check_peer() const {
    const RankIdentity& peer = handshake_->peer();
    const RankIdentity& self = settings_->self;
    if (peer.rank != target_ || peer.size != self.size || peer.epoch != self.epoch || peer.version != self.version ||
        peer.flags() != self.flags()) {
      throw CommunicationError(concat("tcp: ", describe(self), " looked for rank ", target_, " at ",
                                      to_string(last_address_), " and found ", describe(peer),
                                      " of another world, epoch, version or with other options"));
    }
  }

  LOCKSTEP_ON_DEMAND void on_stranger() {
    const std::string fault = handshake_->fault();
    if (!wrong_since_) wrong_since_ = Deadline::after(wrong_secret_limit);
    if (wrong_since_->passed()) {
      throw CommunicationError(concat("tcp: ", describe(settings_->self), " found somebody at ",
                                      to_string(last_address_), " who is not rank ", target_, " of this job: ", fault,
                                      "; give every rank the same secret, and every job its own port and job id"));
    }
    give_up(fault);
  }

  LOCKSTEP_ON_DEMAND void give_up(std::string obstacle) {
    obstacle_ = std::move(obstacle);
    socket_.close();
    handshake_.reset();
    stream_ = {};
    state_ = State::idle;
    delay_ = std::min<std::chrono::nanoseconds>(delay_ * 2, std::chrono::milliseconds(100));
    pause_ = Deadline::after(delay_);
  }

  const ConnectionSettings* settings_;
  std::vector<SocketAddress> addresses_;
  int target_;
  PeerChannel channel_;
  State state_ = State::idle;
  FileDescriptor socket_;
  SecureStream stream_;
  std::optional<ClientHandshake> handshake_;
  SocketAddress last_address_;
  std::size_t attempts_ = 0;
  std::string obstacle_;
  bool met_stranger_ = false;
  std::chrono::nanoseconds delay_ = std::chrono::milliseconds(1);
  Deadline pause_ = Deadline::after({});
  Deadline attempt_ = Deadline::after(connect_limit);
  std::optional<Deadline> wrong_since_;
  short wanted_ = 0;
  std::size_t first_ = 0;
};

}  // namespace lockstep::detail
