// The collectives as functions over what programs hold: vectors, arrays, tensors, numbers, small structs. They are
// thin: each makes one call of a communicator's member of the same name (communicator.hpp says what that does), except
// where it says so.
//
//     ls::all_reduce(communicator, gradients);                            // a buffer with a name: changed in place
//     float total = ls::all_reduce(communicator, loss);                   // a number: returned
//     std::vector<float> sums = ls::all_reduce(communicator, std::move(values));  // handed over: returned
//     Settings settings = ls::broadcast(communicator, read_settings(), 0);        // a struct: returned
//     std::vector<double> all = ls::all_gather(communicator, mine);       // more than was given: a new vector
//     ls::all_gather(communicator, mine, all);                            // or a buffer of your own
//
// The rules:
//  - A buffer is any contiguous range: std::vector, std::array, an array, std::span, Tensor, TensorView. One that has a
//    name, and every view, is changed in place. A temporary is returned, so that nothing is computed into thin air.
//  - A value (a number, a struct) is passed and returned as a value; ignoring the result is a warning.
//  - Reductions take the element types of tensors (float, double, BFloat16, Float16, int32, int64, uint8). Everything
//    else moves bytes and also takes trivially copyable structs. A struct that holds a pointer is no less trivially
//    copyable: the pointer arrives, and means nothing there. Pointers themselves are refused.
//  - `gather` and `reduce` have a result on the root only: elsewhere the vector is empty, the std::optional too.
//  - `..._async` borrows what has a name and owns what has not. What it returns is move-only; `wait()` gives the
//  result,
//    `test()` says whether it is there, the destructor waits.
//
//     auto pending = ls::all_reduce_async(communicator, std::move(values));  // the vector is inside `pending` now
//     prepare_next_batch();
//     std::vector<float> sums = pending.wait();
//
// Hidden communication: `all_gather_ragged` gathers the lengths first, and `scatter` without an output broadcasts the
// root's length first. All other functions make one call, so ranks may mix them with calls of the members.
#pragma once

#include <lockstep/comm/collectives/all_gather.hpp>
#include <lockstep/comm/collectives/all_gather_ragged.hpp>
#include <lockstep/comm/collectives/all_reduce.hpp>
#include <lockstep/comm/collectives/all_to_all.hpp>
#include <lockstep/comm/collectives/broadcast.hpp>
#include <lockstep/comm/collectives/gather.hpp>
#include <lockstep/comm/collectives/receive.hpp>
#include <lockstep/comm/collectives/reduce.hpp>
#include <lockstep/comm/collectives/reduce_scatter.hpp>
#include <lockstep/comm/collectives/scatter.hpp>
#include <lockstep/comm/collectives/send.hpp>
