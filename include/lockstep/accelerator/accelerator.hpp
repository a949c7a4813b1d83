// The object that a training program makes first: it knows the rank, owns the tape, and makes models, optimizers,
// loaders and schedules distributed.
#pragma once

#include <lockstep/accelerator/backend.hpp>
#include <lockstep/accelerator/gather.hpp>
#include <lockstep/accelerator/micro_batches.hpp>
#include <lockstep/accelerator/options.hpp>
#include <lockstep/accelerator/prepare.hpp>
#include <lockstep/accelerator/progress.hpp>
#include <lockstep/accelerator/split.hpp>
#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/optim/clip.hpp>
#include <lockstep/parallel/replicated.hpp>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep {

/// Runs one rank of a distributed training program on a backend. All ranks make the same calls in the same order; calls
/// that communicate say so ("collective"). It stays where it was made, and outlives what it prepared.
template <Backend BackendType, class Strategy = Replicated, class Precision = Fp32, class Ops = CoreOps>
class Accelerator {
 public:
  using Device = typename BackendType::Device;
  using Communicator = typename BackendType::Communicator;
  using Scalar = typename Precision::Scalar;
  using Tape = lockstep::Tape<Device, Precision, Ops>;
  using Replica = typename Strategy::template ReplicaOf<Scalar, Device, Communicator>;

  /// Joins the job that the launcher's environment describes. Collective.
  explicit Accelerator(const AcceleratorOptions& options = {}, const Strategy& strategy = {})
      : Accelerator(BackendType::connect(), options, strategy) {}

  /// Uses a communicator that exists already, such as one rank of a ThreadGroup.
  explicit Accelerator(Communicator communicator, const AcceleratorOptions& options = {}, const Strategy& strategy = {})
      : communicator_(std::move(communicator)),
        options_(options),
        strategy_(strategy),
        tape_(parameters_, device_),
        no_grad_tape_(parameters_, device_),
        registration_(states_.add({"accelerator",
                                   {},
                                   {state_entry("accelerator.iteration", state_.iteration),
                                    state_entry("accelerator.micro_step", state_.micro_step)},
                                   {}})) {
    validate(options_, communicator_.size());
    set_detect_anomaly(options_.detect_anomaly);
  }
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;

  // The place in the job.
  int rank() const { return communicator_.rank(); }
  int world_size() const { return communicator_.size(); }
  bool is_main_process() const { return rank() == 0; }
  bool is_last_process() const { return rank() == world_size() - 1; }
  Communicator& communicator() { return communicator_; }
  Device& device() { return device_; }

  /// Makes objects distributed: modules, optimizers, data loaders and schedules, any number in any order. Returns a
  /// tuple in the same order (a single object bare); what is prepared already passes through. The i-th optimizer trains
  /// the i-th module, the i-th schedule (or the only one) drives the i-th optimizer. Collective: models start with the
  /// parameters of rank 0.
  template <Preparable<Accelerator>... Objects>
  requires EveryOptimizerHasItsModel<Accelerator, Objects...> && EveryScheduleHasItsOptimizer<Accelerator, Objects...>
  auto prepare(Objects&&... objects) {
    auto prepared =
        detail::Preparation<Accelerator, Objects...>(*this, objects...).run(std::forward<Objects>(objects)...);
    if constexpr (sizeof...(Objects) == 1) {
      return std::get<0>(std::move(prepared));
    } else {
      return prepared;
    }
  }

  /// Computes gradients and, when the micro-batch ends an accumulation window, averages them over the window and over
  /// all ranks: the result is the gradient of (sum of weight * loss) / (sum of weights). The exchange overlaps the
  /// sweep. `weight` is what this micro-batch counts, such as its number of tokens; equal weights give the plain mean.
  /// Collective at the end of a window. Throws before anything is done when this loss cannot be differentiated, and
  /// when all weights of a window are zero; an error in the middle ends the window, and its gradients are dropped.
  void backward(typename Tape::Variable loss, double weight = 1) {
    if (!(weight >= 0) || weight - weight != 0) {
      throw ArgumentError(concat("backward: the weight must be a finite number that is not negative, got ", weight));
    }
    tape_.require_loss(loss);
    if (state_.swept == 0) {
      state_.weight = 0;
      forget_ended_models();
      for (auto& replica : replicas_) replica->begin_window();
    }
    ++state_.swept;
    state_.weight += weight;
    try {
      if (state_.sync_gradients) {
        backward_and_exchange(loss, static_cast<Scalar>(weight));
      } else {
        tape_.backward(loss, static_cast<Scalar>(weight));
        if (state_.tree) {
          for (auto& replica : replicas_) replica->put_aside();
        }
      }
    } catch (...) {
      drop_window();
      throw;
    }
    state_.new_micro_batch = true;
  }

  /// Opens one micro-batch of an accumulation window: call it at the top of the loop's body. Every
  /// gradient_accumulation_steps-th call, and the last batch of a loader, end a window: there gradients are exchanged,
  /// and optimizer and schedule step.
  void accumulate() {
    if (options_.sync_with_dataloader && state_.end_of_loader()) {
      state_.micro_step = 0;
      state_.sync_gradients = true;
    } else {
      ++state_.micro_step;
      state_.sync_gradients = state_.micro_step % options_.gradient_accumulation_steps == 0;
    }
    state_.tree = false;
  }

  /// Cuts this rank's batch into AcceleratorOptions::micro_batches / world_size pieces whose gradients are added in one
  /// tree over all ranks; a range for range-for. One optimizer step per call.
  template <class BatchType>
  MicroBatches<BatchType> micro_batches(BatchType& batch) {
    if (options_.micro_batches == 0) {
      throw ArgumentError("micro_batches: set AcceleratorOptions::micro_batches to the number over all ranks first");
    }
    return MicroBatches<BatchType>(batch, options_.micro_batches / world_size(), rank(), state_);
  }

  /// Whether the current micro-batch ends an accumulation window.
  bool sync_gradients() const { return state_.sync_gradients; }

  /// Scales a model's gradients so that their Euclidean norm is at most `max_norm`; returns the norm they had, or 0
  /// while gradients are being accumulated. No communication: replicas hold the whole gradient.
  template <class Model>
  double clip_grad_norm(Model& model, double max_norm, const ClipOptions& options = {}) {
    if (!state_.sync_gradients) return 0;
    return lockstep::clip_grad_norm(device_, complete_gradients(model), max_norm, options);
  }

  /// Limits each gradient of a model to [-clip_value, clip_value]; nothing while gradients are being accumulated.
  template <class Model>
  void clip_grad_value(Model& model, double clip_value) {
    if (state_.sync_gradients) lockstep::clip_grad_value(device_, complete_gradients(model), clip_value);
  }

  /// The ranks' tensors one after another along the first dimension, in rank order; they may differ in their first
  /// extent. A scalar counts as one row. Collective.
  template <class T>
  Tensor<std::remove_const_t<T>> gather(TensorView<T> tensor) {
    return detail::gather(communicator_, TensorView<const std::remove_const_t<T>>(tensor));
  }
  template <class T>
  Tensor<T> gather(const Tensor<T>& tensor) {
    return gather(tensor.view());
  }
  Tensor<Scalar> gather(const typename Tape::Variable& variable) { return gather(variable.value()); }

  /// As gather, without the padding that completes an epoch's last batch: rows that belong to `batch`'s samples.
  template <class T, class BatchType>
  Tensor<std::remove_const_t<T>> gather_for_metrics(TensorView<T> tensor, const BatchType& batch) {
    return gather(detail::without_padding(TensorView<const std::remove_const_t<T>>(tensor), batch.size, batch.valid));
  }
  template <class T, class BatchType>
  Tensor<T> gather_for_metrics(const Tensor<T>& tensor, const BatchType& batch) {
    return gather_for_metrics(tensor.view(), batch);
  }

  /// Combines a number or, in place, a tensor over all ranks. Collective.
  template <Element T>
  T reduce(T value, Reduction reduction = Reduction::sum) {
    communicator_.all_reduce(std::span<T>(&value, 1), reduction);
    return value;
  }
  template <Element T>
  void reduce(std::span<T> values, Reduction reduction = Reduction::sum) {
    communicator_.all_reduce(values, reduction);
  }
  template <Element T>
  void reduce(TensorView<T> tensor, Reduction reduction = Reduction::sum) {
    communicator_.all_reduce(tensor.span(), reduction);
  }

  /// Prints a line on rank 0, on standard output.
  template <class... Parts>
  void print(const Parts&... parts) const {
    if (!is_main_process()) return;
    const std::string line = concat(parts..., '\n');
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
  }

  /// Returns when every rank has called it. Collective.
  void wait_for_everyone() { communicator_.barrier(); }

  /// Calls `function` on rank 0 first and then on the others, such as to prepare a file once; when it throws on rank 0
  /// all ranks throw, and none is left waiting. Collective.
  template <class Function>
  void main_process_first(Function&& function) {
    run_on_main("do its part of main_process_first()", function);
    if (!is_main_process()) function();
  }

  /// This rank's consecutive part of a list: the first ranks get one element more where it does not divide evenly. With
  /// `apply_padding` the last element is repeated until all parts are equally long. No communication.
  template <class T>
  std::vector<std::remove_const_t<T>> split_between_processes(std::span<T> list, bool apply_padding = false) const {
    return detail::split(list, rank(), world_size(), apply_padding);
  }
  template <class T>
  std::vector<T> split_between_processes(const std::vector<T>& list, bool apply_padding = false) const {
    return detail::split(std::span<const T>(list), rank(), world_size(), apply_padding);
  }

  /// Remembers on this rank that something happened which all ranks should learn of, such as a reason to stop early.
  void set_trigger() { trigger_ = 1; }

  /// Whether any rank called set_trigger() since the last check; the same answer on every rank. Collective.
  bool check_trigger() {
    std::int32_t any = std::exchange(trigger_, 0);
    communicator_.all_reduce(std::span<std::int32_t>(&any, 1), Reduction::max);
    return any != 0;
  }

  /// Iterates over a loader, for an epoch or a number of steps, and shows a progress bar on rank 0.
  template <class Loader>
  ProgressRange<Loader> progress(Loader& loader, const ProgressOptions& options = {}) {
    return ProgressRange<Loader>(loader, options, is_main_process());
  }

  /// Saves parameters, optimizer states, schedules' clocks, loader positions and the step to a directory, atomically:
  /// after a crash the old or the new checkpoint is there, whole. Rank 0 writes. Collective.
  void save_state(std::string_view directory) {
    run_on_main("save the checkpoint", [&] {
      states_.save(directory, state_.iteration,
                   {{"world_size", std::to_string(world_size())}, {"scalar", to_string(dtype_of<Scalar>)}});
    });
  }

  /// Loads what save_state saved into the prepared objects, and drops gradients that are being accumulated; when it
  /// throws CheckpointError nothing has changed. Every rank reads. Collective.
  void load_state(std::string_view directory) {
    states_.load(directory);
    drop_window();
    wait_for_everyone();
  }

  /// Sets the seed of random numbers inside the model from the next forward pass on. Initial parameters were drawn from
  /// AcceleratorOptions::seed. Never different between ranks: what must differ between samples does.
  void set_seed(std::uint64_t seed) {
    options_.seed = seed;
    state_.new_micro_batch = true;
  }

  /// Checks every value for NaN and infinity from now on, and names the first op that made one.
  void set_detect_anomaly(bool on) {
    tape_.set_detect_anomaly(on);
    no_grad_tape_.set_detect_anomaly(on);
  }

  // For the wrappers.
  Tape& tape() { return tape_; }
  typename Tape::NoGrad& no_grad_tape() { return no_grad_tape_; }
  GradientState& gradient_state() { return state_; }
  StateRegistry& states() { return states_; }
  const AcceleratorOptions& options() const { return options_; }

  /// Before a model runs: random numbers of a micro-batch are the same whichever rank has it.
  void begin_forward() {
    if (!state_.new_micro_batch) return;
    state_.new_micro_batch = false;
    if (!state_.tree) state_.micro_batch = state_.swept * world_size() + rank();
    tape_.set_random_position(options_.seed, static_cast<std::uint64_t>(state_.iteration),
                              static_cast<std::uint64_t>(state_.micro_batch));
  }

  /// Binds a module to memory of its own. Collective.
  template <Module M>
  Shared<Replica> add_replica(M& module) {
    forget_ended_models();
    replicas_.push_back(
        Shared<Replica>::make(module, parameters_, device_, communicator_, strategy_.buckets, options_.seed));
    return replicas_.back();
  }

 private:
  void backward_and_exchange(typename Tape::Variable loss, Scalar weight) {
    typename Strategy::template SweepOf<Replica> sweep(std::span<const Shared<Replica>>{replicas_});
    weight_ = state_.weight;
    auto total = communicator_.all_reduce_async(std::span<double>(&weight_, 1), Reduction::sum);
    tape_.backward(loss, weight, sweep);
    sweep.finish([&] {
      total.wait();
      if (weight_ == 0) throw ArgumentError("backward: the weights of all micro-batches of the window are zero");
      return static_cast<Scalar>(1 / weight_);
    });
    state_.swept = 0;
    ++state_.iteration;
  }

  void drop_window() {
    for (auto& replica : replicas_) replica->drop_window();
    state_.swept = 0;
    state_.new_micro_batch = true;
  }

  /// Models that only the accelerator holds take part in nothing any more.
  void forget_ended_models() {
    std::erase_if(replicas_, [](const Shared<Replica>& replica) { return replica.use_count() == 1; });
  }

  template <class Model>
  std::span<Scalar> complete_gradients(Model& model) {
    auto& store = model.replica().store();
    for (std::size_t i = 0; i < store.layout().trainable_count; ++i) store.complete_gradient(i);
    return store.gradients();
  }

  /// Runs a function on rank 0; when it throws there, every rank throws.
  template <class Function>
  void run_on_main(std::string_view action, Function&& function) {
    std::int32_t failed = 0;
    if (is_main_process()) {
      try {
        function();
      } catch (...) {
        failed = 1;
        communicator_.broadcast(std::span<std::int32_t>(&failed, 1), 0);
        throw;
      }
    }
    communicator_.broadcast(std::span<std::int32_t>(&failed, 1), 0);
    if (failed != 0) throw Error(concat("rank 0 could not ", action, "; its own message tells why"));
  }

  Communicator communicator_;
  AcceleratorOptions options_;
  Strategy strategy_;
  [[no_unique_address]] Device device_;
  ParameterTable<Scalar> parameters_;
  Tape tape_;
  typename Tape::NoGrad no_grad_tape_;
  GradientState state_;
  StateRegistry states_;
  Shared<StateGroup> registration_;
  std::vector<Shared<Replica>> replicas_;
  std::int32_t trigger_ = 0;
  double weight_ = 0;  // at one address while it is being summed over ranks
};

}  // namespace lockstep
