// How the ranks of a job meet over TCP: every rank connects to rank 0 and says where it listens itself, rank 0 tells
// all of all, every rank connects to those of lower rank, and when all have all their connections rank 0 lets them go.
// A rank that dies meanwhile, stays away or contradicts ends the meeting for all, with the same text for everyone.
#pragma once

#include <lockstep/comm/tcp/acceptor.hpp>
#include <lockstep/comm/tcp/address_file.hpp>
#include <lockstep/comm/tcp/admission.hpp>
#include <lockstep/comm/tcp/connector.hpp>
#include <lockstep/comm/tcp/last_frame.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/comm/tcp/tcp_options.hpp>
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// One rank's part in the meeting.
class Meeting {
 public:
  LOCKSTEP_ON_DEMAND explicit Meeting(const TcpOptions& options)
      : options_(options), deadline_(Deadline::after(options.connect_deadline)), links_deadline_(deadline_) {
    check_tcp_options(options);
    check_file_limit();
    RankIdentity& self = settings_.self;
    self.rank = options.rank;
    self.size = options.size;
    self.epoch = options.epoch;
    self.encrypt = options.encrypt;
    self.sockets_per_peer = options.sockets_per_peer;
    self.process = ::getpid();
    char host[host_field] = "";
    self.host = ::gethostname(host, sizeof host - 1) == 0 ? host : "unknown";
    settings_.key = options.secret ? JobKey::from(options.job_id, *options.secret) : JobKey::from(options.job_id, {});
    settings_.socket.user_timeout = options.suspect_after;
    settings_.socket.buffer_bytes = options.socket_buffer_bytes;
    if (options.encrypt) settings_.tls = TlsContext::make();
    mesh_.rank = options.rank;
    mesh_.size = options.size;
    mesh_.epoch = options.epoch;
    mesh_.encrypted = options.encrypt;
    mesh_.peers.resize(static_cast<std::size_t>(options.size));
    for (int rank = 0; rank < options.size; ++rank) {
      peer(rank).rank = rank;
      if (rank != options.rank) peer(rank).data.resize(static_cast<std::size_t>(options.sockets_per_peer));
    }
    peer(options.rank).local_rank = options.local_rank;
    peer(options.rank).process = self.process;
    peer(options.rank).host = self.host;
    taken_.resize(mesh_.peers.size() * channels());
    stages_.resize(mesh_.peers.size(), Stage::away);
  }

  /// `on_listening(address)` is called on rank 0 as soon as others may come.
  template <class OnListening>
  Mesh run(OnListening&& on_listening) {
    if (options_.size == 1) return std::move(mesh_);
    try {
      if (is_host()) {
        open_house();
        on_listening(std::as_const(house_));
      } else {
        seek_host();
      }
      while (!finished_) turn();
    } catch (const Error& error) {
      tell(error.what());
      throw;
    }
    return std::move(mesh_);
  }

  // What the acceptor asks and says.
  LOCKSTEP_ON_DEMAND Judgement judge(const RankIdentity& guest, PeerChannel channel, std::uint32_t target) {
    Judgement judgement = judge_guest(settings_.self, guest, channel, target);
    if (guest.epoch != options_.epoch) late_ = judgement.refusal;
    if (!judgement.refusal.empty()) return judgement;
    const MeshPeer& first = peer(guest.rank);
    if (taken_[slot(guest.rank, channel)]) return {same_rank_twice(guest.rank, first.host, first.process, guest), true};
    taken_[slot(guest.rank, channel)] = true;
    if (is_host() && channel.kind == ChannelKind::control) {
      peer(guest.rank).host = guest.host;
      peer(guest.rank).process = guest.process;
    }
    return {};
  }

  LOCKSTEP_ON_DEMAND void arrive(Arrival arrival) {
    MeshPeer& other = peer(arrival.peer.rank);
    switch (arrival.channel.kind) {
      case ChannelKind::control:
        other.control = ControlChannel(std::move(arrival.stream), arrival.keys);
        if (is_host() || other.rank == 0) unheard_.push_back(other.rank);
        break;
      case ChannelKind::messages:
        other.messages = std::move(arrival.stream);
        break;
      case ChannelKind::data:
        other.data[arrival.channel.index] = std::move(arrival.stream);
        break;
    }
    ++standing_;
  }

  LOCKSTEP_ON_DEMAND void lost(const RankIdentity& guest) {
    throw CommunicationError(concat("tcp: ", describe(guest), " ended before all ranks had met"));
  }

 private:
  enum class Stage { away, registered, ready };  // of the other ranks, as rank 0 knows them

  bool is_host() const { return options_.rank == 0; }
  MeshPeer& peer(int rank) { return mesh_.peers[static_cast<std::size_t>(rank)]; }
  std::size_t channels() const { return 2 + static_cast<std::size_t>(options_.sockets_per_peer); }
  std::size_t slot(int rank, PeerChannel channel) const {
    return static_cast<std::size_t>(rank) * channels() + static_cast<std::size_t>(channel.kind) + channel.index;
  }
  bool all_stand() const { return standing_ == (mesh_.peers.size() - 1) * channels(); }
  bool all_reached(Stage stage) const {
    return std::all_of(stages_.begin() + 1, stages_.end(), [&](Stage other) { return other >= stage; });
  }

  LOCKSTEP_ON_DEMAND void check_file_limit() const {
    rlimit limit{};
    const std::size_t needed = static_cast<std::size_t>(options_.size - 1) * channels() + Acceptor::max_unproved + 16;
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < needed) {
      throw EnvironmentError(concat("tcp: ", options_.size, " ranks with ", channels(),
                                    " connections between any two need about ", needed,
                                    " open files in each process, but the limit is ", limit.rlim_cur,
                                    "; raise it (ulimit -n), or lower TcpOptions::sockets_per_peer"));
    }
  }

  /// Whoever can be reached from other machines must know a secret.
  LOCKSTEP_ON_DEMAND void check_trust(const SocketAddress& address) const {
    if (address.is_loopback() || options_.secret || options_.insecure_i_trust_this_network) return;
    throw EnvironmentError(concat(
        "tcp: ", describe(settings_.self), ": the address ", address.host(),
        " is open to other machines, but the job has no secret. Start the job with 'lockstep launch', or put 32 "
        "random bytes into a file of mode 0600 on every host and name it in LOCKSTEP_SECRET_FILE. On a network "
        "where you trust every machine and user, TcpOptions::insecure_i_trust_this_network = true goes without"));
  }

  LOCKSTEP_ON_DEMAND FileDescriptor listen_somewhere(std::vector<SocketAddress> addresses) {
    for (std::size_t i = 0;; ++i) {  // of several addresses of one name, the first that is this host's
      check_trust(addresses[i]);
      try {
        return listen_on(addresses[i], settings_.socket, deadline_.at_most(std::chrono::seconds(3)));
      } catch (const CommunicationError&) {
        if (i + 1 == addresses.size()) throw;
      }
    }
  }

  /// Rank 0: listens, and says where.
  LOCKSTEP_ON_DEMAND void open_house() {
    const std::string& name = options_.bind_address.empty() ? options_.master_address : options_.bind_address;
    const int port = options_.address_file.empty() ? options_.master_port : 0;
    acceptor_.emplace(listen_somewhere(resolve(name, port, deadline_)), settings_);
    house_ = local_address(acceptor_->listener().get());
    peer(0).address = to_string(house_);
    if (!options_.address_file.empty()) published_.emplace(options_.address_file, house_);
  }

  /// The others: begin to look for rank 0.
  LOCKSTEP_ON_DEMAND void seek_host() {
    if (options_.master_port == 0 && options_.address_file.empty()) {
      throw ArgumentError(
          concat("tcp: rank ", options_.rank, " needs TcpOptions::master_port or address_file to find rank 0"));
    }
    std::vector<SocketAddress> addresses;
    if (options_.address_file.empty()) {
      addresses = resolve(options_.master_address, options_.master_port, deadline_);
      for (const SocketAddress& address : addresses) check_trust(address);
    }
    connectors_.emplace_back(settings_, std::move(addresses), 0, PeerChannel{});
  }

  /// One wait and what follows from it.
  LOCKSTEP_ON_DEMAND void turn() {
    if (!options_.address_file.empty() && !introduced_ && !is_host()) read_host_address();
    watched_.clear();
    watched_ranks_.clear();
    if (acceptor_) acceptor_->watch(watched_);
    std::size_t active = 0;
    for (Connector& connector : connectors_) {
      if (active++ < 32) connector.watch(watched_);
    }
    const std::size_t first_control = watched_.size();
    for (int rank = 0; rank < (is_host() ? options_.size : 1); ++rank) {
      if (!peer(rank).control) continue;
      const short events = peer(rank).control.unsent() > 0 ? POLLIN | POLLOUT : POLLIN;
      watched_.push_back({peer(rank).control.descriptor(), events, 0});
      watched_ranks_.push_back(rank);
    }
    wait_for_any(watched_, deadline_.at_most(std::chrono::milliseconds(connectors_.empty() ? 50 : 5)));
    if (acceptor_) acceptor_->serve(watched_, *this);
    active = 0;
    for (auto connector = connectors_.begin(); connector != connectors_.end();) {
      if (active++ < 32) connector->serve(watched_);
      if (connector->done()) {
        if (!introduced_) host_address_ = connector->address();
        arrive(connector->take());
        connector = connectors_.erase(connector);
      } else {
        ++connector;
      }
    }
    for (std::size_t i = 0; i < watched_ranks_.size(); ++i) {
      if (watched_[first_control + i].revents != 0) listen_to(watched_ranks_[i]);
    }
    for (const int rank : std::exchange(unheard_, {})) listen_to(rank);
    is_host() ? host_step() : guest_step();
    if (!finished_ && deadline_.passed()) throw CommunicationError(overdue());
    if (!connectors_.empty() && links_deadline_.passed()) throw CommunicationError(unreachable());
  }

  LOCKSTEP_ON_DEMAND void read_host_address() {
    const auto found = read_address_file(options_.address_file);
    if (!found || connectors_.empty()) return;
    const auto address = numeric_address(found->first, found->second);
    if (!address) return;
    check_trust(*address);
    connectors_.front().set_addresses({*address});
  }

  /// Rank 0: what is next, now that something has happened.
  LOCKSTEP_ON_DEMAND void host_step() {
    if (!table_sent_ && all_reached(Stage::registered)) {
      table_sent_ = true;
      // The last rank may have come at the last moment; the connections among the ranks get their time even so.
      if (deadline_.left() < std::chrono::seconds(10)) {
        deadline_ =
            Deadline::after(std::min<std::chrono::nanoseconds>(options_.connect_deadline, std::chrono::seconds(10)));
      }
      for (int rank = 1; rank < options_.size; ++rank) send_table(rank);
    }
    if (table_sent_ && !go_sent_ && all_stand() && all_reached(Stage::ready)) {
      go_sent_ = true;
      for (int rank = 1; rank < options_.size; ++rank) send(rank, {.kind = ControlKind::go});
    }
    bool all_flushed = true;
    for (int rank = 1; rank < options_.size; ++rank) {
      if (!peer(rank).control) continue;
      if (!peer(rank).control.flush()) throw CommunicationError(ended(rank));
      all_flushed = all_flushed && peer(rank).control.unsent() == 0;
    }
    finished_ = go_sent_ && all_flushed;
  }

  LOCKSTEP_ON_DEMAND void send_table(int to) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_.left()).count();
    for (const MeshPeer& line : mesh_.peers) {
      ControlFrame frame = introduction(line);
      frame.fingerprint = static_cast<std::uint64_t>(left);
      send(to, frame);
    }
  }

  /// The others: likewise.
  LOCKSTEP_ON_DEMAND void guest_step() {
    if (!peer(0).control) return;
    if (!introduced_) {
      introduced_ = true;
      // Rank 0's deadline began before this rank reached it: it speaks first, and knows who is missing.
      deadline_ = Deadline::after(options_.connect_deadline + std::chrono::seconds(2));
      SocketAddress here = local_address(peer(0).control.descriptor());
      here.set_port(0);
      acceptor_.emplace(options_.bind_address.empty() ? listen_somewhere({here})
                                                      : listen_somewhere(resolve(options_.bind_address, 0, deadline_)),
                        settings_);
      house_ = local_address(acceptor_->listener().get());
      peer(options_.rank).address = to_string(house_);
      ControlFrame frame = introduction(peer(options_.rank));
      frame.text = house_.host();
      frame.port = house_.port();
      send(0, frame);
    }
    if (table_lines_ == options_.size && connectors_.empty() && all_stand() && !ready_sent_) {
      ready_sent_ = true;
      send(0, {.kind = ControlKind::ready});
    }
    if (!peer(0).control.flush()) throw CommunicationError(ended(0));
  }

  LOCKSTEP_ON_DEMAND void send(int rank, ControlFrame frame) {
    frame.epoch = options_.epoch;
    peer(rank).control.send(frame);
  }

  LOCKSTEP_ON_DEMAND ControlFrame introduction(const MeshPeer& line) const {
    ControlFrame frame{.kind = ControlKind::peer, .culprit = line.rank};
    frame.calls = static_cast<std::uint64_t>(line.local_rank);
    frame.process = line.process;
    frame.host = line.host;
    const auto split = line.address.rfind(':');  // "[::1]:5" or "10.0.0.1:5"; empty for nobody yet
    if (split != std::string::npos) {
      const bool brackets = line.address.front() == '[';
      frame.text = line.address.substr(brackets ? 1 : 0, split - (brackets ? 2 : 0));
      frame.port = static_cast<std::uint16_t>(std::strtol(line.address.c_str() + split + 1, nullptr, 10));
    }
    return frame;
  }

  /// Receives what a rank has to say on its control connection.
  LOCKSTEP_ON_DEMAND void listen_to(int rank) {
    ControlFrame frame;
    while (!finished_) {
      const ControlChannel::Status status = peer(rank).control.receive(frame);
      if (status == ControlChannel::Status::nothing) return;
      if (status != ControlChannel::Status::frame) throw CommunicationError(ended(rank));
      if (frame.kind == ControlKind::failure) {
        told_by_host_ = !is_host();
        throw CommunicationError(frame.text);
      }
      if (is_host() ? !hear_guest(rank, frame) : !hear_host(frame)) {
        throw CommunicationError(
            concat("tcp: ", describe(peer(rank)), " said something out of place while the ranks met"));
      }
    }
  }

  LOCKSTEP_ON_DEMAND bool hear_guest(int rank, const ControlFrame& frame) {
    Stage& stage = stages_[static_cast<std::size_t>(rank)];
    if (frame.kind == ControlKind::peer && stage == Stage::away && frame.culprit == rank) {
      return stage = Stage::registered, note_line(frame);
    }
    if (frame.kind == ControlKind::ready && stage == Stage::registered && table_sent_) {
      return stage = Stage::ready, true;
    }
    return false;
  }

  LOCKSTEP_ON_DEMAND bool hear_host(const ControlFrame& frame) {
    if (frame.kind == ControlKind::peer && frame.culprit == table_lines_ && table_lines_ < options_.size) {
      ++table_lines_;
      if (frame.culprit != options_.rank && !note_line(frame)) return false;
      if (table_lines_ == options_.size)
        connect_to_lower(std::chrono::milliseconds(std::min<std::uint64_t>(frame.fingerprint, 1U << 30)));
      return true;
    }
    if (frame.kind == ControlKind::go && ready_sent_) return finished_ = true;
    return false;
  }

  /// Believes what a line of the table says of a rank; false when it cannot be.
  LOCKSTEP_ON_DEMAND bool note_line(const ControlFrame& frame) {
    MeshPeer& other = peer(frame.culprit);
    const auto address = numeric_address(frame.text, frame.port);
    if (!address || frame.port == 0 || frame.calls >= max_wire_ranks) return false;
    other.local_rank = static_cast<int>(frame.calls);
    other.process = frame.process;
    other.host = frame.host;
    other.address = to_string(*address);
    return true;
  }

  LOCKSTEP_ON_DEMAND void connect_to_lower(std::chrono::nanoseconds left) {
    deadline_ = Deadline::after(left + std::chrono::seconds(2));
    links_deadline_ = Deadline::after(left / 10 * 9);  // leaves time to tell the others whom this rank cannot reach
    for (int rank = 0; rank < options_.rank; ++rank) {
      const ControlFrame line = introduction(peer(rank));
      const SocketAddress address = rank == 0 ? host_address_ : *numeric_address(line.text, line.port);
      check_trust(address);
      if (rank > 0) connectors_.emplace_back(settings_, std::vector{address}, rank, PeerChannel{});
      connectors_.emplace_back(settings_, std::vector{address}, rank, PeerChannel{ChannelKind::messages, 0});
      for (int i = 0; i < options_.sockets_per_peer; ++i) {
        const PeerChannel channel{ChannelKind::data, static_cast<std::uint16_t>(i)};
        connectors_.emplace_back(settings_, std::vector{address}, rank, channel);
      }
    }
  }

  LOCKSTEP_ON_DEMAND std::string ended(int rank) {
    const std::string& fault = peer(rank).control.fault();
    return concat("tcp: ", describe(peer(rank)), " ended before all ranks had met", fault.empty() ? "" : ": ", fault);
  }

  /// Why the meeting takes too long, as far as this rank knows.
  LOCKSTEP_ON_DEMAND std::string overdue() {
    if (!is_host() && !introduced_) return unreachable();
    if (!is_host()) {
      return concat("tcp: ", describe(settings_.self), " reached rank 0 at ", to_string(host_address_),
                    ", but did not hear from it in time that all ranks have met; is that process stopped?");
    }
    const Stage wanted = table_sent_ ? Stage::ready : Stage::registered;
    std::string missing;
    int count = 1;
    for (int rank = 1; rank < options_.size; ++rank) {
      const bool there = stages_[static_cast<std::size_t>(rank)] >= wanted;
      count += there;
      if (!there) missing += concat(missing.empty() ? "" : ", ", rank);
    }
    std::string text = table_sent_
                           ? concat("tcp: the connections among the ranks did not come about in time; not ready: ",
                                    missing.empty() ? "0" : missing)
                           : concat("tcp: ", count, " of ", options_.size, " ranks came to rank 0 at ",
                                    to_string(house_), " in time; missing: ", missing);
    if (acceptor_->turned_away() > 0) {
      text += concat("; ", acceptor_->turned_away(),
                     " connections were turned away that did not prove to be of this job (another secret or job id?)");
    }
    if (!late_.empty()) text += concat("; ", late_);
    if (house_.is_loopback() && !table_sent_)
      text += "; rank 0 listens on the loopback interface, which no other host can reach";
    return text + "; look for what these ranks printed, or raise TcpOptions::connect_deadline";
  }

  LOCKSTEP_ON_DEMAND std::string unreachable() const {
    const Connector& connector = connectors_.front();
    const int target = connector.target();
    const char* advice =
        connector.met_stranger()
            ? "; another program holds the port, or rank 0 has another secret or job id: give every job its own"
        : target == 0
            ? "; rank 0 has not started, ended early, or listens elsewhere: compare master_address and master_port "
              "with "
              "what it was given, and ask whether a firewall stands between"
            : "; does a firewall stand between, or has that host several networks (see TcpOptions::bind_address)?";
    const std::string where = target > 0 ? ""
                              : options_.address_file.empty()
                                  ? concat(" at ", options_.master_address, " port ", options_.master_port)
                                  : concat(" through '", options_.address_file, "'");
    return concat("tcp: ", describe(settings_.self), " did not reach rank ", target, where,
                  " in time: ", connector.obstacle(), advice);
  }

  /// Tells the others why this rank gives up.
  LOCKSTEP_ON_DEMAND void tell(std::string_view reason) noexcept {
    if (told_by_host_) return;
    ControlFrame frame{.kind = ControlKind::failure, .epoch = options_.epoch};
    frame.text = reason;
    std::vector<ControlChannel*> channels;
    for (int rank = 0; rank < (is_host() ? options_.size : 1); ++rank) {
      if (peer(rank).control) channels.push_back(&peer(rank).control);
    }
    send_last_frame(std::move(channels), frame, Deadline::after(std::chrono::seconds(1)));
  }

  const TcpOptions& options_;
  Deadline deadline_;        // of the meeting
  Deadline links_deadline_;  // of this rank's attempts to reach others
  ConnectionSettings settings_;
  Mesh mesh_;
  std::vector<bool> taken_;    // by slot(): connections that were let in
  std::vector<Stage> stages_;  // rank 0
  std::optional<Acceptor> acceptor_;
  std::list<Connector> connectors_;
  std::optional<PublishedAddress> published_;
  std::vector<pollfd> watched_;
  std::vector<int> watched_ranks_;
  std::vector<int> unheard_;    // new control connections: TLS may hold bytes of theirs that no wait will tell of
  SocketAddress house_;         // where this rank listens
  SocketAddress host_address_;  // where this rank reached rank 0
  std::string late_;            // a rank of another epoch that was turned away
  std::size_t standing_ = 0;    // connections
  int table_lines_ = 0;
  bool introduced_ = false, table_sent_ = false, ready_sent_ = false, go_sent_ = false, told_by_host_ = false;
  bool finished_ = false;
};

/// Meets the other ranks: returns when all ranks have all their connections, or throws on every rank that is there.
/// `on_listening(const SocketAddress&)` is called on rank 0 as soon as the others may come. Throws CommunicationError
/// when the ranks did not meet, EnvironmentError when the surroundings do not allow it, ArgumentError for bad options.
template <class OnListening>
Mesh meet(const TcpOptions& options, OnListening&& on_listening) {
  return Meeting(options).run(on_listening);
}

LOCKSTEP_ON_DEMAND Mesh meet(const TcpOptions& options) {
  return meet(options, [](const SocketAddress&) {});
}

}  // namespace lockstep::detail
