// Data parallelism by replicas: every rank holds the whole model, and gradients are summed over ranks bucket by bucket
// while the backward sweep still runs.
#pragma once

#include <lockstep/autograd/observer.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/nn/parameter_store.hpp>
#include <lockstep/parallel/gradient_buckets.hpp>
#include <lockstep/parallel/gradient_tree.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace lockstep {

/// One rank's copy of a model's parameters, and the exchange of its gradients.
template <class T, class DeviceType, Communicator CommunicatorType>
class Replica {
 public:
  using Store = ParameterStore<T, typename CommunicatorType::Memory>;

  /// Lays out the module's parameters in memory that all ranks can reach. Collective: afterwards all ranks hold the
  /// values of rank 0.
  template <Module M>
  Replica(M& module, ParameterTable<T>& table, DeviceType& device, CommunicatorType& communicator,
          const BucketOptions& options, std::uint64_t seed)
      : device_(&device),
        communicator_(&communicator),
        store_(
            module, table, [&](std::size_t bytes) { return communicator.allocate(bytes); }, seed),
        buckets_(store_.layout(), sizeof(T), options),
        waiting_for_(buckets_.buckets().size()) {
    pending_.reserve(buckets_.buckets().size());
    communicator.broadcast(store_.values(), 0);
  }

  Store& store() { return store_; }
  const Store& store() const { return store_; }

  /// Before the first sweep of a window: forgets what a window that was left early has put aside.
  void begin_window() { tree_.clear(); }

  /// Before a sweep.
  void begin_sweep() {
    for (std::size_t b = 0; b < waiting_for_.size(); ++b) waiting_for_[b] = buckets_.buckets()[b].parameter_count();
    unused_ = 0;
    next_bucket_ = 0;
  }

  void mark_unused(std::size_t parameter) {
    ++unused_;
    --waiting_for_[buckets_.bucket_of(parameter)];
  }
  void mark_ready(std::size_t parameter) { --waiting_for_[buckets_.bucket_of(parameter)]; }

  /// Whether this step uses the model at all.
  bool used() const { return unused_ < store_.layout().trainable_count; }

  /// Starts the exchange of every bucket whose turn it is. Returns whether all are on their way.
  bool exchange_ready_buckets() {
    const auto buckets = buckets_.buckets();
    for (; next_bucket_ < buckets.size() && waiting_for_[next_bucket_] == 0; ++next_bucket_) {
      const GradientBucket& bucket = buckets[next_bucket_];
      for (std::size_t i = bucket.first_parameter; i < bucket.last_parameter; ++i) store_.complete_gradient(i);
      tree_.fold(*device_, bucket.begin, range(bucket));
      if (communicator_->size() > 1) pending_.push_back(communicator_->all_reduce_async(range(bucket), Reduction::sum));
    }
    return next_bucket_ == buckets.size();
  }

  /// Advances exchanges under way without blocking.
  void progress() { communicator_->progress(); }

  /// Waits for all buckets and multiplies the sums by `scale`.
  void finish_exchange(T scale) {
    const auto buckets = buckets_.buckets();
    for (std::size_t b = 0; b < buckets.size(); ++b) {
      if (!pending_.empty()) pending_[b].wait();
      if (scale != T(1)) {
        const std::span<T> piece = range(buckets[b]);
        Kernels<DeviceType>::scale(*device_, static_cast<std::int64_t>(piece.size()), piece.data(), scale);
      }
    }
    pending_.clear();
    tree_.clear();
  }

  /// After a window that failed: nothing of it is left, neither gradients nor exchanges under way.
  void drop_window() {
    pending_.clear();
    zero_grad();
  }

  /// After the sweep of a micro-batch that is not the last: puts its gradients aside, to be added in tree order. A
  /// model that the micro-batch did not use has nothing to put aside.
  void put_aside() {
    bool any = false;
    for (std::size_t i = 0; i < store_.layout().trainable_count; ++i) any |= store_.slot(i).has_gradient;
    if (!any) return;
    for (std::size_t i = 0; i < store_.layout().trainable_count; ++i) store_.complete_gradient(i);
    tree_.push(*device_, store_.gradients());
    store_.zero_grad();
  }

  /// Before the first micro-batch of a window: forgets gradients and partial sums.
  void zero_grad() {
    store_.zero_grad();
    tree_.clear();
  }

 private:
  std::span<T> range(const GradientBucket& bucket) {
    return store_.gradients().subspan(static_cast<std::size_t>(bucket.begin),
                                      static_cast<std::size_t>(bucket.end - bucket.begin));
  }

  DeviceType* device_;
  CommunicatorType* communicator_;
  Store store_;
  GradientBuckets buckets_;
  std::vector<std::size_t> waiting_for_;  // per bucket: parameters whose gradient is not complete
  std::vector<typename CommunicatorType::Pending> pending_;
  GradientTree<T, DeviceType> tree_;
  std::size_t unused_ = 0;
  std::size_t next_bucket_ = 0;
};

/// What the backward sweep of a synchronising step tells, turned into exchanges. Models take their turn in the reverse
/// order of preparation, buckets in index order, so that every rank starts the same collectives in the same order. A
/// model must be used on all ranks or on none.
template <class ReplicaType>
class ReplicatedSweep {
 public:
  explicit ReplicatedSweep(std::span<const Shared<ReplicaType>> replicas)
      : replicas_(replicas), turn_(replicas.size()) {
    for (const auto& replica : replicas_) replica->begin_sweep();
  }

  void unused(std::int32_t parameter) {
    visit(parameter, [](ReplicaType& replica, std::size_t i) { replica.mark_unused(i); });
  }

  void ready(std::int32_t parameter) {
    visit(parameter, [](ReplicaType& replica, std::size_t i) { replica.mark_ready(i); });
    advance();
  }

  /// After the sweep: starts what is left, waits for everything, scales by `scale()` once the ranks' weights are known.
  template <class Scale>
  void finish(Scale&& scale) {
    advance();
    const auto factor = scale();
    for (std::size_t i = replicas_.size(); i-- > 0;) {
      if (replicas_[i]->used()) replicas_[i]->finish_exchange(factor);
    }
  }

 private:
  template <class Visit>
  void visit(std::int32_t parameter, Visit&& visit_parameter) {
    for (const auto& replica : replicas_) {
      const std::int64_t i = replica->store().find(parameter);
      if (i >= 0) visit_parameter(*replica, static_cast<std::size_t>(i));
    }
  }

  void advance() {
    while (turn_ > 0) {
      ReplicaType& replica = *replicas_[turn_ - 1];
      if (replica.used() && !replica.exchange_ready_buckets()) break;
      --turn_;
    }
    if (!replicas_.empty()) replicas_.front()->progress();
  }

  std::span<const Shared<ReplicaType>> replicas_;
  std::size_t turn_;  // models from here on are on their way
};

/// The strategy of whole replicas: parameters start as rank 0's, gradients are averaged over ranks by weight.
struct Replicated {
  BucketOptions buckets{};

  template <class T, class DeviceType, class CommunicatorType>
  using ReplicaOf = Replica<T, DeviceType, CommunicatorType>;
  template <class ReplicaType>
  using SweepOf = ReplicatedSweep<ReplicaType>;
};

}  // namespace lockstep
