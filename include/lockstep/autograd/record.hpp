// A record of one operation on the tape, and the switch that finds its type again.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/op_list.hpp>

#include <cstdint>
#include <span>
#include <utility>

namespace lockstep::detail {

/// What all records share; the op itself follows it in memory, in `RecordOf<Op>`.
template <class T>
struct Record {
  Record* previous;
  Slot<T>* output;
  Slot<T>** inputs;  // null entries are absent inputs
  std::int32_t input_count;
  std::uint32_t op;  // index in the op list
};

template <class T, class Op>
struct RecordOf : Record<T> {
  Op op_value;
};

template <class T>
TensorView<const T> view_of(const Slot<T>* slot) {
  return slot == nullptr ? TensorView<const T>{} : TensorView<const T>{slot->value, slot->shape};
}

/// Runs one op's backward.
template <class Op, class ContextType, class T>
void run_backward(ContextType& context, Record<T>& record) {
  auto& op = static_cast<RecordOf<T, Op>&>(record).op_value;
  Slot<T>* y = record.output;
  const Result<T> result{view_of(y), {y->gradient, y->shape}, y};
  if constexpr (Op::arity == variadic) {
    auto* operands = context.template scratch<Operand<T>>(record.input_count);
    for (std::int32_t i = 0; i < record.input_count; ++i) operands[i] = {view_of(record.inputs[i]), record.inputs[i]};
    op.backward(context, result, std::span<Operand<T>>(operands, static_cast<std::size_t>(record.input_count)));
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      op.backward(context, result, Operand<T>{view_of(record.inputs[I]), record.inputs[I]}...);
    }
    (std::make_index_sequence<static_cast<std::size_t>(Op::arity)>{});
  }
}

/// Calls `visit.template operator()<Op>()` for the op at `index`: a switch of sixteen cases at a time, so that it
/// compiles to a jump table and nothing is called through a pointer.
template <class List, std::size_t Base = 0, class Visit>
void switch_on_op(std::size_t index, Visit&& visit) {
#define LOCKSTEP_OP_CASE(N)                                                                     \
  case N:                                                                                       \
    if constexpr (Base + N < List::size) {                                                      \
      visit.template operator()<typename OpAt<typename List::List>::template type<Base + N>>(); \
    }                                                                                           \
    break;
  switch (index - Base) {
    LOCKSTEP_OP_CASE(0)
    LOCKSTEP_OP_CASE(1)
    LOCKSTEP_OP_CASE(2)
    LOCKSTEP_OP_CASE(3)
    LOCKSTEP_OP_CASE(4)
    LOCKSTEP_OP_CASE(5)
    LOCKSTEP_OP_CASE(6)
    LOCKSTEP_OP_CASE(7)
    LOCKSTEP_OP_CASE(8)
    LOCKSTEP_OP_CASE(9)
    LOCKSTEP_OP_CASE(10)
    LOCKSTEP_OP_CASE(11)
    LOCKSTEP_OP_CASE(12)
    LOCKSTEP_OP_CASE(13)
    LOCKSTEP_OP_CASE(14)
    LOCKSTEP_OP_CASE(15)
    default:
      if constexpr (Base + 16 < List::size) switch_on_op<List, Base + 16>(index, visit);
  }
#undef LOCKSTEP_OP_CASE
}

}  // namespace lockstep::detail
