// The tape: runs operations, records what their backward needs, and sweeps the records in reverse. Reverse record order
// is a topological order, so the sweep needs no graph.
#pragma once

#include <lockstep/autograd/observer.hpp>
#include <lockstep/autograd/precision.hpp>
#include <lockstep/autograd/record.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/tensor/cpu.hpp>

#include <algorithm>
#include <array>
#include <type_traits>

namespace lockstep {

/// Whether a tape keeps what a backward sweep needs.
enum class Recording : bool { off, on };

/// Runs ops of the closed list `Ops` on a device. After the first steps of the same shapes it allocates nothing, and
/// every step finds its values at the same addresses.
///
/// A step is everything between two `backward` calls: variables made in it are valid until the first operation after
/// the sweep. With `Recording::off` nothing is recorded and a step ends with `reset`.
template <class DeviceType, class Precision, class OpsList, Recording Mode = Recording::on>
class Tape {
 public:
  using Device = DeviceType;
  using Ops = OpsList;
  using Scalar = typename Precision::Scalar;
  using Variable = Var<Tape>;
  static constexpr bool recording = Mode == Recording::on;

  /// The tape that shares parameters with this one and records nothing.
  using NoGrad = Tape<DeviceType, Precision, OpsList, Recording::off>;

  Tape(ParameterTable<Scalar>& parameters, DeviceType& device)
      : parameters_(&parameters),
        activations_(device),
        temporary_(device),
        records_(host_),
        gradients_(device),
        context_(device, activations_, temporary_, gradients_) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  DeviceType& device() const { return context_.device; }
  ParameterTable<Scalar>& parameters() const { return *parameters_; }

  /// A value that gradients do not flow into; the memory is the caller's and must live until the step ends.
  Variable constant(TensorView<const Scalar> value) { return leaf(value, false); }

  /// A value whose gradient is wanted, for checks and for inputs that are optimised.
  Variable variable(TensorView<const Scalar> value) { return leaf(value, recording); }

  /// Whole numbers that go with this tape's values.
  IndexVar<Tape> indices(TensorView<const std::int32_t> value) { return {value, this}; }

  /// A copy that lives until the step ends, of values that do not.
  template <class T>
  TensorView<const T> keep(TensorView<const T> value) {
    begin_step_if_needed();
    T* memory = activations_.template allocate<T>(value.numel());
    context_.device.copy(reinterpret_cast<std::byte*>(memory), reinterpret_cast<const std::byte*>(value.data),
                         value.span().size_bytes());
    return {memory, value.shape};
  }

  /// The variable of a bound parameter.
  Variable parameter(ParameterHandle handle) {
    begin_step_if_needed();
    return {&parameters_->at(handle), this, generation_};
  }

  /// A scalar filled with `value`.
  Variable scalar(Scalar value) {
    begin_step_if_needed();
    auto* memory = activations_.template allocate<Scalar>(1);
    context_.device.copy_from_host(reinterpret_cast<std::byte*>(memory), reinterpret_cast<const std::byte*>(&value),
                                   sizeof(Scalar));
    return leaf({memory, Shape{}}, false);
  }

  /// Runs an op on variables of this tape and records it if a gradient will flow through it.
  template <Operation Op, class... Inputs>
  Variable record(Op op, const Inputs&... inputs) {
    static_assert(sizeof...(Inputs) == Op::arity, "the op has another number of inputs (its `arity`)");
    begin_step_if_needed();
    const std::array<Slot<Scalar>*, sizeof...(Inputs)> slots{own_slot(inputs)...};
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return run(op, std::span<Slot<Scalar>* const>(slots), op.shape(shape_of(slots[I])...),
                 [&](auto& typed, auto y) { typed.forward(context_, y, detail::view_of(slots[I])...); });
    }
    (std::make_index_sequence<sizeof...(Inputs)>{});
  }

  /// The same for an op over a list of inputs.
  template <Operation Op>
  Variable record_list(Op op, std::span<const Variable> inputs) {
    static_assert(Op::arity == variadic, "record_list is for variadic ops");
    begin_step_if_needed();
    const auto count = static_cast<std::int64_t>(inputs.size());
    auto* slots = records_.template allocate<Slot<Scalar>*>(count);
    auto* shapes = records_.template allocate<Shape>(count);
    auto* views = records_.template allocate<TensorView<const Scalar>>(count);
    for (std::int64_t i = 0; i < count; ++i) {
      slots[i] = own_slot(inputs[static_cast<std::size_t>(i)]);
      shapes[i] = shape_of(slots[i]);
      views[i] = detail::view_of(slots[i]);
    }
    return run(op, std::span<Slot<Scalar>* const>(slots, inputs.size()),
               op.shape(std::span<const Shape>(shapes, inputs.size())), [&](auto& typed, auto y) {
                 typed.forward(context_, y, std::span<const TensorView<const Scalar>>(views, inputs.size()));
               });
  }

  /// Sweeps the step's records in reverse, from a scalar `loss` whose own gradient is `seed`, and adds to the gradients
  /// of all parameters it depends on. Tells `observer` which parameters are unused and when each of the others is done.
  /// When an op or the observer throws, the step is over, and the parameters' gradients are incomplete.
  template <BackwardObserver Observer = IgnoreReady>
  void backward(Variable loss, Scalar seed = 1, Observer&& observer = {}) requires recording {
    require_loss(loss);
    Slot<Scalar>& root = loss.slot();
    for (std::int32_t i = 0; i < parameters_->size(); ++i) {
      if ((*parameters_)[i].requires_grad && (*parameters_)[i].uses == 0) observer.unused(i);
    }
    seed_gradient(root, seed);
    sweep(observer);
  }

  /// Throws what `backward` would throw before it does anything: the loss must be a scalar of this tape's step that
  /// depends on a trainable parameter.
  void require_loss(const Variable& loss) const {
    const Slot<Scalar>& root = loss.slot();
    if (&loss.tape() != this) throw ArgumentError("backward: the loss was computed with the model of another tape");
    if (swept_) throw ArgumentError("backward: this step was swept already; a step can be differentiated once");
    if (root.shape.numel() != 1) {
      throw ShapeError(
          concat("backward: the loss must be a scalar, its shape is ", root.shape, "; take mean() or sum()"));
    }
    if (!root.requires_grad || root.parameter >= 0) {
      throw ArgumentError("backward: the loss does not depend on any trainable parameter");
    }
  }

  /// Forgets the step: its variables become invalid and their memory is used again.
  void reset() {
    end_step();
    begin_step_if_needed();
  }

  /// Which step a variable belongs to; variables of other generations are refused.
  std::uint32_t generation() const { return generation_; }

  /// Train mode (dropout on) or eval mode.
  bool training() const { return context_.training; }
  void set_training(bool training) { context_.training = training; }

  /// Where this forward pass stands in the run: random numbers are a function of these and of the op's place in it,
  /// never of the rank.
  void set_random_position(std::uint64_t seed, std::uint64_t step, std::uint64_t micro_batch) {
    context_.random_seed = mix_bits(mix_bits(seed, step), micro_batch);
    context_.random_stream = 0;
  }

  /// Checks every result for NaN and infinity and names the first op that made one. Costs a read of every value.
  void set_detect_anomaly(bool on) { detect_anomaly_ = on; }

  Scalar read_item(TensorView<const Scalar> value) const {
    if (value.numel() != 1) throw ShapeError(concat("item: one element is needed, the shape is ", value.shape));
    Scalar result{};
    context_.device.copy_to_host(reinterpret_cast<std::byte*>(&result), reinterpret_cast<const std::byte*>(value.data),
                                 sizeof(Scalar));
    context_.device.synchronize();
    return result;
  }

  /// Bytes that the current step's values take.
  std::size_t activation_bytes() const { return activations_.in_use(); }

 private:
  using Record = detail::Record<Scalar>;

  /// The slot of an input, or null when it is absent; values of other tapes are refused, because they end at other
  /// times.
  Slot<Scalar>* own_slot(const Variable& input) const {
    Slot<Scalar>* slot = input.slot_or_null();
    if (slot != nullptr && &input.tape() != this) {
      throw ArgumentError("an operation was given variables of two tapes: they belong to different accelerators");
    }
    return slot;
  }

  static Shape shape_of(const Slot<Scalar>* slot) { return slot == nullptr ? Shape{0} : slot->shape; }

  Slot<Scalar>* new_slot(const Shape& shape, Scalar* value, bool requires_grad) {
    auto* slot = records_.template allocate<Slot<Scalar>>(1);
    *slot = Slot<Scalar>{};
    slot->shape = shape;
    slot->value = value;
    slot->requires_grad = requires_grad;
    return slot;
  }

  Variable leaf(TensorView<const Scalar> value, bool requires_grad) {
    begin_step_if_needed();
    auto* slot = new_slot(value.shape, const_cast<Scalar*>(value.data), requires_grad);  // ops never write to inputs
    if (requires_grad) slot->gradient = activations_.template allocate<Scalar>(value.numel());
    return {slot, this, generation_};
  }

  template <class Op, class Forward>
  Variable run(Op& op, std::span<Slot<Scalar>* const> inputs, const Shape& shape, Forward&& forward) {
    static_assert(OpsList::template contains<Op>,
                  "this op is not in the tape's op list: name it, as in Accelerator<..., CoreOps::with<MyOp>>");
    bool requires_grad = false;
    if constexpr (recording) {
      for (const Slot<Scalar>* input : inputs) requires_grad |= input != nullptr && input->requires_grad;
    }
    Slot<Scalar>* output;
    if constexpr (requires { requires Op::aliases_input; }) {
      output = new_slot(shape, inputs[0]->value, requires_grad);
    } else {
      output = new_slot(shape, activations_.template allocate<Scalar>(shape.numel()), requires_grad);
      forward(op, TensorView<Scalar>{output->value, shape});
      temporary_.rewind();
      if (detect_anomaly_) check_finite(Op::name, *output, inputs);
    }
    if (requires_grad) append(op, inputs, output);
    return {output, this, generation_};
  }

  template <class Op>
  void append(const Op& op, std::span<Slot<Scalar>* const> inputs, Slot<Scalar>* output) {
    using RecordType = detail::RecordOf<Scalar, Op>;
    auto** stored = records_.template allocate<Slot<Scalar>*>(static_cast<std::int64_t>(inputs.size()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      stored[i] = inputs[i];
      if (inputs[i] != nullptr && inputs[i]->parameter >= 0) ++inputs[i]->uses;
    }
    static_assert(alignof(RecordType) <= memory_alignment);
    last_ = ::new (records_.allocate(sizeof(RecordType)))
        RecordType{{last_, output, stored, static_cast<std::int32_t>(inputs.size()),
                    static_cast<std::uint32_t>(OpsList::template index_of<Op>())},
                   op};
  }

  void seed_gradient(Slot<Scalar>& root, Scalar seed) {
    root.gradient = reinterpret_cast<Scalar*>(gradients_.allocate(sizeof(Scalar)));
    root.has_gradient = true;
    context_.device.copy_from_host(reinterpret_cast<std::byte*>(root.gradient),
                                   reinterpret_cast<const std::byte*>(&seed), sizeof(Scalar));
  }

  // Apart from the sweep: one switch for all kinds of observers.
  void differentiate(Record& record) {
    detail::switch_on_op<OpsList>(record.op, [&]<class Op>() { detail::run_backward<Op>(context_, record); });
  }

  template <class Observer>
  void sweep(Observer& observer) {
    const EndOfStep end{*this};  // also when an op or the observer throws
    for (; last_ != nullptr; last_ = last_->previous) {
      Record& record = *last_;
      Slot<Scalar>& output = *record.output;
      if (output.has_gradient) {
        differentiate(record);
        temporary_.rewind();
        release_gradient(output);
      }
      release_uses(record, observer);
    }
  }

  void release_gradient(Slot<Scalar>& output) {
    if (output.gradient != nullptr) {
      gradients_.release(reinterpret_cast<std::byte*>(output.gradient),
                         static_cast<std::size_t>(output.shape.numel()) * sizeof(Scalar));
      output.gradient = nullptr;
    }
    output.has_gradient = false;
  }

  /// Counts the record's uses of parameters as done, and reports parameters that have none left.
  template <class Observer>
  void release_uses(Record& record, Observer& observer) {
    for (std::int32_t i = 0; i < record.input_count; ++i) {
      Slot<Scalar>* input = record.inputs[i];
      if (input != nullptr && input->parameter >= 0 && --input->uses == 0 && input->requires_grad) {
        observer.ready(input->parameter);
      }
    }
  }

  void check_finite(const char* op, const Slot<Scalar>& output, std::span<Slot<Scalar>* const> inputs) {
    using K = Kernels<DeviceType>;
    if (K::all_finite(device(), output.shape.numel(), output.value)) return;
    std::string text = concat("the op '", op, "' made a NaN or infinity: output ", output.shape, ", inputs");
    for (const Slot<Scalar>* input : inputs) {
      if (input == nullptr) continue;
      const bool finite = K::all_finite(device(), input->shape.numel(), input->value);
      text += concat(" ", input->shape, finite ? " (finite)" : " (already not finite)");
    }
    throw NumericalError(text);
  }

  struct EndOfStep {
    Tape& tape;
    ~EndOfStep() { tape.end_step(); }
  };

  /// Drops the records that no sweep has passed.
  void end_step() {
    for (; last_ != nullptr; last_ = last_->previous) {
      release_gradient(*last_->output);
      for (std::int32_t i = 0; i < last_->input_count; ++i) {
        if (last_->inputs[i] != nullptr) last_->inputs[i]->uses = 0;
      }
    }
    swept_ = true;
  }

  void begin_step_if_needed() {
    if (!swept_) return;
    swept_ = false;
    activations_.rewind();
    records_.rewind();
    ++generation_;
  }

  ParameterTable<Scalar>* parameters_;
  Cpu host_;
  Arena<DeviceType> activations_;
  Arena<DeviceType> temporary_;
  Arena<Cpu> records_;
  BlockPool<DeviceType> gradients_;
  Context<DeviceType, Scalar> context_;
  Record* last_ = nullptr;
  std::uint32_t generation_ = 0;
  bool swept_ = false;
  bool detect_anomaly_ = false;
};

}  // namespace lockstep
