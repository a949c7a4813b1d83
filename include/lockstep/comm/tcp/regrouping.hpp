// How the ranks that are left agree who goes on: each says that it is ready, and when no more can come the lowest of
// them tells the others their numbers and where it listens. Words over the control connections of the old group.
#pragma once

#include <lockstep/comm/tcp/frame.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::detail {

/// A rank's place in the new group.
struct NewPlace {
  int rank = -1;  ///< -1: not known yet
  int size = 0;
  std::uint64_t epoch = 0;
  std::string host = {};
  int port = 0;
};

/// What a rank learns when it asks who goes on.
struct Survivors {
  std::vector<int> members = {};  ///< Their old ranks; for the lowest of them only, who tells the others.
  NewPlace place = {};
};

/// What one rank knows of the agreement. An attempt is a round of it: the next begins when the new group failed, too.
class Regrouping {
 public:
  explicit Regrouping(int size) : attempts_(static_cast<std::size_t>(size)) {}

  int attempt() const { return attempt_; }

  /// This rank begins the next round; returns what it says to the others.
  LOCKSTEP_ON_DEMAND ControlFrame begin(int self, std::uint64_t epoch) {
    ++attempt_;
    attempts_[static_cast<std::size_t>(self)] = attempt_;
    if (place_attempt_ < attempt_) place_ = {};
    return {.kind = ControlKind::ready, .epoch = epoch, .calls = static_cast<std::uint64_t>(attempt_)};
  }

  LOCKSTEP_ON_DEMAND void hear(int peer, const ControlFrame& frame) {
    if (frame.kind == ControlKind::ready && frame.calls < 1'000'000) {
      attempts_[static_cast<std::size_t>(peer)] = static_cast<int>(frame.calls);
    } else if (frame.kind == ControlKind::peer) {
      place_ = {frame.culprit, static_cast<int>(frame.calls), frame.fingerprint, frame.text, frame.port};
      place_attempt_ = frame.process;
    }
  }

  bool is_ready(int rank) const { return attempts_[static_cast<std::size_t>(rank)] >= attempt_; }
  const NewPlace& place() const { return place_; }

  /// The place that this rank was told; or, for the lowest of those that are ready, all of them, once no more can come
  /// (`possible(rank)`: it can) or it is `late`. Until then the place's rank is -1.
  template <class Possible>
  Survivors decide(int self, std::uint64_t old_epoch, bool late, Possible possible) const {
    if (place_.rank >= 0) return {{}, place_};
    Survivors survivors;
    bool everyone = true;
    for (int rank = 0; rank < static_cast<int>(attempts_.size()); ++rank) {
      if (rank != self && !possible(rank)) continue;
      if (is_ready(rank)) {
        survivors.members.push_back(rank);
      } else {
        everyone = false;
      }
    }
    if (survivors.members.front() == self && (everyone || late)) {
      survivors.place.rank = 0;
      survivors.place.size = static_cast<int>(survivors.members.size());
      survivors.place.epoch = old_epoch + static_cast<std::uint64_t>(attempt_);
    }
    return survivors;
  }

  /// What the lowest rank says to one that goes on.
  LOCKSTEP_ON_DEMAND ControlFrame frame_for(const NewPlace& place, std::uint64_t old_epoch) const {
    return {.kind = ControlKind::peer,
            .epoch = old_epoch,
            .culprit = place.rank,
            .calls = static_cast<std::uint64_t>(place.size),
            .fingerprint = place.epoch,
            .process = attempt_,
            .port = static_cast<std::uint16_t>(place.port),
            .text = place.host};
  }

 private:
  int attempt_ = 0;
  std::vector<int> attempts_;  // the round that each rank has come to
  NewPlace place_;
  int place_attempt_ = 0;
};

}  // namespace lockstep::detail
