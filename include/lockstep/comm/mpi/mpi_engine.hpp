// The engine of Mpi: MPI carries messages, and who sends what to whom is decided here. So all receives can be taken
// back, all waits end, and elements are combined in the canonical order; MPI's own collectives promise none of these.
#pragma once

#include <lockstep/comm/call/call.hpp>
#include <lockstep/comm/call/collective_engine.hpp>
#include <lockstep/comm/mpi/mpi_agreement.hpp>
#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_failure.hpp>
#include <lockstep/comm/mpi/mpi_identities.hpp>
#include <lockstep/comm/mpi/mpi_messages.hpp>
#include <lockstep/comm/mpi/mpi_notices.hpp>
#include <lockstep/comm/mpi/mpi_operation.hpp>
#include <lockstep/comm/mpi/mpi_options.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

template <MpiOrder order>
class MpiEngine {
 public:
  /// `communicator` belongs to the engine from here on.
  MpiEngine(MPI_Comm communicator, const MpiOptions& options)
      : options_(options),
        rank_(rank_in(communicator)),
        size_(size_of_group(communicator)),
        notices_(std::make_unique<MpiNotices>(communicator, rank_, size_)),
        messages_(communicator, size_),
        identities_(rank_, size_) {
    for (std::size_t i = 0; i < slot_count; ++i) agreements_.emplace_back(communicator, rank_, size_);
    for (std::size_t i = 0; i < round_count; ++i) rounds_.emplace_back(communicator, rank_, size_);
    MpiSession::instance().enter(*notices_);
    try {
      guarded([&] { meet(); });
    } catch (...) {
      leave(true);
      throw;
    }
    if (!identities_.has_processor_each()) options_.spin = std::chrono::nanoseconds::zero();
  }
  MpiEngine(const MpiEngine&) = delete;
  MpiEngine& operator=(const MpiEngine&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const MpiOptions& options() const { return options_; }
  MPI_Comm communicator() const { return notices_->communicator(); }

  std::uint64_t start(const Call& call) {
    require_usable();
    if (is_point_to_point(call.fingerprint.collective)) {
      return guarded([&] { return messages_.start(call); }) | message_bit;
    }
    if (started_ - completed_ == slot_count) wait([&] { return started_ - completed_ < slot_count; });
    return guarded([&] { return post(call); });
  }

  void finish(std::uint64_t ticket) {
    if (is_done(ticket)) return;
    require_usable();
    wait([&] { return is_done(ticket); }, ticket);
  }

  void run(const Call& call) { finish(start(call)); }

  bool finished(std::uint64_t ticket) {
    if (is_done(ticket)) return true;
    progress();
    if (!is_done(ticket)) look_after_idle_tests(ticket);
    return is_done(ticket);
  }

  void progress() {
    if (completed_ == started_ && messages_.empty()) return;
    require_usable();
    advance();
  }

  [[noreturn]] void fail(const std::string& text) {
    abandon(text);
    throw CommunicationError(poison_);
  }

  void abandon(const std::string& text) {
    if (!poison_.empty()) return;
    poison_ = concat("mpi: ", text);
    try {
      notices_->tell(MpiNotice::failed, [&](int) {
        MpiNotice notice;
        notice.set_message(text);
        return notice;
      });
    } catch (const MpiFailure&) {  // MPI no longer works: the peers' deadlines end their waits
    }
    settle();
  }

  void leave(bool after_exception) {
    if (process_ != ::getpid() || MpiSession::is_finalized()) return;
    const std::size_t pending = static_cast<std::size_t>(started_ - completed_) + messages_.pending();
    if (after_exception) {
      abandon(concat("rank ", rank_, " ended with an exception"));
    } else if (pending > 0) {
      abandon(concat("rank ", rank_, " left while ", pending, " of its operations were pending"));
    }
    DepartedMpi departed{nullptr, !poison_.empty()};
    if (poison_.empty()) poison_ = "mpi: this rank has left the communicator";
    try {
      notices_->tell(MpiNotice::left, [&](int peer) { return farewell_to(peer); });
    } catch (const MpiFailure&) {
      departed.failed = true;
    }
    if (unsettled_) {
      for (MpiAgreement& agreement : agreements_) departed.memory.push_back(agreement.take_memory());
      for (MpiRound& round : rounds_) departed.memory.push_back(round.take_memory());
      for (MpiMessage& message : messages_.active()) departed.memory.push_back(std::move(message.header));
    }
    departed.notices = std::move(notices_);
    MpiSession::instance().take(std::move(departed));
  }

 private:
  static constexpr std::size_t slot_count = 16;  // collectives under way
  static constexpr std::size_t round_count = 4;  // of them, parts with data under way
  static constexpr std::uint64_t message_bit = std::uint64_t{1} << 63;

  static int rank_in(MPI_Comm communicator) {
    int rank = 0;
    MPI_Comm_rank(communicator, &rank);
    return rank;
  }
  static int size_of_group(MPI_Comm communicator) {
    int size = 1;
    MPI_Comm_size(communicator, &size);
    if (size > max_ranks) {
      throw ArgumentError(concat("Mpi: ", size, " ranks are more than a communicator can have (", max_ranks, ")"));
    }
    MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
    return size;
  }
  /// Runs what calls MPI; a failure there is one of this rank.
  template <class Function>
  auto guarded(Function function) {
    try {
      return function();
    } catch (const MpiFailure& failure) {
      const std::string text = failure.text;
      fail(concat(text, "; ", describe(rank_), here()));
    }
  }

  void meet() {
    if (identities_.exchange(communicator(), Deadline::after(options_.connect_deadline))) return;
    fail(concat("the ranks did not all make the communicator in ", seconds(options_.connect_deadline), " s"));
  }

  std::uint64_t post(const Call& call) {
    const std::uint64_t number = started_;
    MpiOperation& operation = operations_[number % slot_count];
    operation = MpiOperation(call, size_, order == MpiOrder::native);
    MpiAgreement& agreement = agreements_[number % slot_count];
    std::size_t payload = 0;
    if (operation.in_records && operation.operation.has_source(rank_)) {
      payload = call.piece * operation.operation.regions(size_);
      copy_bytes(agreement.payload(rank_), call.input, payload);
    }
    ++started_;
    agreement.start({call.fingerprint.packed(), hash_of(call.counts)}, payload);
    return number;
  }

  /// Does what can be done without waiting; returns whether anything moved.
  bool advance() {
    return guarded([&] {
      bool moved = false;
      while (agreed_ < started_ && agreements_[agreed_ % slot_count].test()) {
        compare(agreed_);
        ++agreed_;
        moved = true;
      }
      while (advance_rounds(moved)) {}
      while (completed_ < agreed_ && complete(operations_[completed_ % slot_count])) moved = true;
      if (!messages_.empty()) {
        moved = messages_.advance([&](const MpiMessage& message, const Fingerprint& sent) {
          fail_mismatch(message, sent);
        }) || moved;
      }
      events_ += moved ? 1 : 0;
      return moved;
    });
  }

  /// Begins rounds as long as there is room, and takes each as far as it goes; returns whether there is more to begin.
  bool advance_rounds(bool& moved) {
    while (posting_ < agreed_) {
      MpiOperation& operation = operations_[posting_ % slot_count];
      if (operation.posted == operation.rounds()) {
        ++posting_;
        continue;
      }
      if (rounds_begun_ - rounds_done_ == round_count) break;
      rounds_[rounds_begun_ % round_count].start(operation, posting_);
      ++rounds_begun_;
    }
    bool first = true, freed = false;
    for (std::uint64_t index = rounds_done_; index < rounds_begun_; ++index) {
      MpiRound& round = rounds_[index % round_count];
      MpiOperation& operation = operations_[round.operation_number() % slot_count];
      const bool done = round.advance(operation, moved);
      if (done && first) {
        ++rounds_done_;
        ++operation.finished;
        freed = true;
      } else {
        first = false;
      }
      if (!round.collecting()) break;
    }
    return freed && posting_ < agreed_;
  }

  /// The oldest operation; with the data that came with the records.
  bool complete(MpiOperation& operation) {
    if (operation.finished < operation.rounds()) return false;
    if (operation.in_records || size_ == 1) {
      MpiAgreement& agreement = agreements_[completed_ % slot_count];
      const std::size_t region =
          operation.operation.regions(size_) > 1 ? static_cast<std::size_t>(rank_) * operation.call().piece : 0;
      combine_range(operation.operation, rank_, size_, pointers_, 0, operation.operation.longest, true, [&](int peer) {
        return size_ == 1 ? const_cast<std::byte*>(operation.call().input) : agreement.payload(peer) + region;
      });
    }
    ++completed_;
    return true;
  }

  bool is_done(std::uint64_t ticket) {
    if ((ticket & message_bit) != 0) return messages_.find(ticket & ~message_bit) == nullptr;
    return ticket < completed_;
  }

  void require_usable() const {
    if (!poison_.empty()) throw CommunicationError(concat("the communicator has failed before: ", poison_));
  }

  /// Makes progress until `done()`. Every step forward starts the deadline anew.
  template <class Done>
  void wait(Done done, std::uint64_t ticket = 0) {
    advance();
    if (done()) return;
    if (options_.spin > std::chrono::nanoseconds::zero()) {
      for (Deadline end = Deadline::after(options_.spin); !end.passed();) {
        for (int i = 0; i < 16; ++i) {
          advance();
          if (done()) return;
        }
      }
    }
    Deadline deadline = Deadline::after(options_.deadline);
    for (std::uint64_t idle = 0;;) {
      give_way(idle);
      if (advance()) {
        if (done()) return;
        deadline = Deadline::after(options_.deadline);
        idle = 0;
      } else if (++idle % 64 == 0) {
        look_for_trouble(deadline, ticket);
        if (done()) return;
      }
    }
  }

  /// MPI cannot sleep until a message comes: yields for some milliseconds, then naps, longer and longer.
  static void give_way(std::uint64_t idle) {
    constexpr std::uint64_t yields = 4096;
    ::sched_yield();
    if (idle < yields) return;
    const auto nap = static_cast<long>(std::min<std::uint64_t>(20'000 + (idle - yields) * 500, 500'000));
    const timespec duration{0, nap};
    ::nanosleep(&duration, nullptr);
  }

  void look_after_idle_tests(std::uint64_t ticket) {
    if (tested_events_ != events_) idle_tests_ = 0;
    tested_events_ = events_;
    if (idle_tests_++ == 0) tests_deadline_ = Deadline::after(options_.deadline);
    if (idle_tests_ % 64 == 0) look_for_trouble(tests_deadline_, ticket);
  }

  /// Called when a wait has seen no news: throws if none can come any more.
  void look_for_trouble(const Deadline& deadline, std::uint64_t ticket) {
    guarded([&] { notices_->poll(); });
    const int failed = notices_->first_failed();
    const int gone = find_gone(ticket);
    const bool late = deadline.passed();
    if (failed < 0 && gone < 0 && !late) return;
    if (advance()) return;  // what a peer sent before it went still counts
    if (failed >= 0) {
      fail(concat(describe(failed), " reported: ", notices_->failure_of(failed).message(), here(ticket)));
    }
    if (gone >= 0) fail(concat(describe(gone), " left ", notices_->farewell_of(gone).message(), here(ticket)));
    fail(deadline_text(ticket));
  }

  /// A rank that has left although this wait is for it, or -1. What it sent before is on its way.
  int find_gone(std::uint64_t ticket) {
    for (int peer = 0; peer < size_; ++peer) {
      const MpiNotice& farewell = notices_->farewell_of(peer);
      if (farewell.kind == MpiNotice::none) continue;
      if (completed_ < started_ && farewell.started <= completed_) return peer;
      const MpiMessage* message = message_of(ticket);
      if (message == nullptr || message->peer() != peer) continue;
      if ((message->is_send() ? farewell.received : farewell.sent) <= message->number) return peer;
    }
    return -1;
  }

  MpiMessage* message_of(std::uint64_t ticket) {
    return (ticket & message_bit) == 0 ? nullptr : messages_.find(ticket & ~message_bit);
  }

  bool awaits(int peer, std::uint64_t ticket) {
    if (const MpiMessage* message = message_of(ticket)) return message->peer() == peer;
    if (agreed_ < started_ && agreements_[agreed_ % slot_count].awaits(peer)) return true;
    for (std::uint64_t index = rounds_done_; index < rounds_begun_; ++index) {
      if (rounds_[index % round_count].awaits(peer)) return true;
    }
    return false;
  }

  std::string deadline_text(std::uint64_t ticket) {
    std::string text =
        concat("rank ", rank_, " waited ", seconds(options_.deadline), " s in ", current_call(ticket), " for");
    int named = 0;
    for (int peer = 0; peer < size_ && named < 4; ++peer) {
      if (peer != rank_ && awaits(peer, ticket)) text += concat(named++ > 0 ? ", and for " : " ", describe(peer));
    }
    if (named == 0) text += " a peer";
    return concat(text, "; if it needs longer between two calls, raise the communicator's deadline");
  }

  static double seconds(std::chrono::nanoseconds duration) {
    return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) / 1000.0;
  }

  std::string describe(int rank) const { return identities_.describe(rank); }

  std::string describe_call(std::uint64_t number) const {
    return concat(operations_[number % slot_count].call().fingerprint, " #", number + 1);
  }

  /// The message waited for, or the oldest collective that is not complete.
  std::string current_call(std::uint64_t ticket) {
    if (const MpiMessage* message = message_of(ticket)) {
      return concat(message->call.fingerprint, ", message #", message->number + 1);
    }
    if (started_ == 0) return "its first call";
    return describe_call(completed_ < started_ ? completed_ : started_ - 1);
  }
  std::string here(std::uint64_t ticket = 0) {
    if (started_ == 0 && message_of(ticket) == nullptr) return {};
    return concat("; this rank (", rank_, ") was in ", current_call(ticket));
  }

  /// All records of a call are here.
  void compare(std::uint64_t number) {
    MpiOperation& operation = operations_[number % slot_count];
    const MpiAgreement& agreement = agreements_[number % slot_count];
    const MpiRecord& mine = agreement.record(rank_);
    for (int peer = 0; peer < size_; ++peer) {
      const MpiRecord& record = agreement.record(peer);
      if (record.fingerprint != mine.fingerprint) fail(describe_mismatch(number));
      if (record.detail != mine.detail) {
        fail(concat("the ranks disagree about the counts of ", describe_call(number), ": ", describe(peer),
                    " was given other counts than rank ", rank_));
      }
    }
    operation.agreed = true;
  }

  std::string describe_mismatch(std::uint64_t number) const {
    std::string text = concat("the ranks disagree about collective #", number + 1, ": ");
    for (int rank = 0; rank < size_; ++rank) {
      if (rank > 0) text += "; ";
      if (rank == 8 && size_ > 9) {
        text += concat("and ", size_ - 8, " more ranks");
        break;
      }
      const std::uint64_t word = agreements_[number % slot_count].record(rank).fingerprint;
      text += concat(describe(rank), " called ", Fingerprint::unpack(word));
    }
    return concat(text, "; all ranks must make the same calls in the same order");
  }

  [[noreturn]] void fail_mismatch(const MpiMessage& message, const Fingerprint& sent) {
    fail(concat(describe(message.peer()), " sent ", sent, " but this rank (", rank_, ") called ",
                message.call.fingerprint, " for message #", message.number + 1,
                " between them; a message is received with the type and count that it was sent with"));
  }

  MpiNotice farewell_to(int peer) const {
    MpiNotice notice;
    notice.started = started_;
    notice.sent = messages_.sent_to(peer);
    notice.received = messages_.received_from(peer);
    notice.set_message(started_ == 0 ? "before its first collective" : concat("after ", describe_call(started_ - 1)));
    return notice;
  }

  /// After a failure: the caller gets its buffers back. Receives without a message are taken back; what is under way
  /// has some time to come to its end. A send that nobody takes is forgotten: no peer will ask for it any more.
  void settle() {
    const auto for_all = [&](auto function) {
      for (MpiAgreement& agreement : agreements_) function(agreement.requests());
      for (MpiRound& round : rounds_) function(round.requests());
      for (MpiMessage& message : messages_.active()) function(message.requests);
    };
    for_all([](MpiRequests& requests) { requests.cancel_receives(); });
    for (const Deadline grace = Deadline::after(std::chrono::milliseconds(200));;) {
      unsettled_ = false;
      for_all([&](MpiRequests& requests) {
        try {
          if (!requests.test()) unsettled_ = true;
        } catch (const MpiFailure&) {
          requests.clear();
        }
      });
      if (!unsettled_ || grace.passed()) return;
      ::sched_yield();
    }
  }

  static std::uint64_t hash_of(std::span<const std::int64_t> counts) {
    std::uint64_t hash = 0;
    for (const std::int64_t count : counts) hash = (hash ^ static_cast<std::uint64_t>(count)) * 0x9e3779b97f4a7c15U + 1;
    return hash;
  }

  MpiOptions options_;
  int rank_;
  int size_;
  pid_t process_ = ::getpid();
  std::unique_ptr<MpiNotices> notices_;
  MpiMessages messages_;
  MpiIdentities identities_;
  std::array<MpiOperation, slot_count> operations_;
  std::vector<MpiAgreement> agreements_;
  std::vector<MpiRound> rounds_;
  std::vector<std::byte*> pointers_ = std::vector<std::byte*>(static_cast<std::size_t>(size_));
  std::uint64_t started_ = 0;
  std::uint64_t agreed_ = 0;     // collectives whose records are here and alike
  std::uint64_t posting_ = 0;    // the first that has rounds to begin
  std::uint64_t completed_ = 0;  // collectives whose buffers are the caller's again
  std::uint64_t rounds_begun_ = 0;
  std::uint64_t rounds_done_ = 0;
  std::uint64_t events_ = 0;  // counts every step forward
  std::uint64_t idle_tests_ = 0;
  std::uint64_t tested_events_ = 0;
  Deadline tests_deadline_ = Deadline::after(std::chrono::nanoseconds::zero());
  bool unsettled_ = false;
  std::string poison_;
};

static_assert(CollectiveEngine<MpiEngine<MpiOrder::canonical>>);
static_assert(CollectiveEngine<MpiEngine<MpiOrder::native>>);

}  // namespace lockstep::detail
