// Wrong arguments are refused on the rank that gives them, before anything is sent.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/testing/communicator/expect.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lockstep::testing {

namespace detail {

template <class C>
void check_reduction_arguments(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  volatile std::size_t one_too_many = 1;  // volatile: compilers warn of the copies that refused calls would make
  std::vector<float> large(static_cast<std::size_t>(size) * 2 + one_too_many), small(2);
  std::vector<std::int32_t> many_integers(static_cast<std::size_t>(size) * 2), integers(2);
  std::uint8_t byte = 0;
  const std::span<float> output(small), whole(large);
  const std::span<std::int32_t> integer_output(integers);
  const auto refuse = [&](const char* what, auto call) { expect_argument_error(communicator, what, call); };
  refuse("the mean of integers", [&] { communicator.all_reduce(integer_output, Reduction::mean); });
  refuse("the mean of bytes", [&] { communicator.all_reduce(std::span<std::uint8_t>(&byte, 1), Reduction::mean); });
  refuse("a reduction that does not exist", [&] { communicator.all_reduce(output, static_cast<Reduction>(99)); });
  refuse("all_reduce_async of the mean of integers",
         [&] { static_cast<void>(communicator.all_reduce_async(integer_output, Reduction::mean)); });
  refuse("reduce with an output of another size", [&] { communicator.reduce(whole, output, rank); });
  refuse("reduce to rank -1", [&] { communicator.reduce(output, output, -1); });
  refuse("reduce to rank size()", [&] { communicator.reduce(output, output, size); });
  refuse("reduce to the mean of integers",
         [&] { communicator.reduce(integers, integer_output, rank, Reduction::mean); });
  refuse("reduce_async with an output of another size",
         [&] { static_cast<void>(communicator.reduce_async(whole, output, rank, Reduction::sum)); });
  refuse("reduce_scatter with an input of another size", [&] { communicator.reduce_scatter(whole, output); });
  refuse("reduce_scatter to the mean of integers",
         [&] { communicator.reduce_scatter(many_integers, integer_output, Reduction::mean); });
}

template <class C>
void check_transfer_arguments(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  volatile std::size_t one_too_many = 1;
  std::vector<float> large(static_cast<std::size_t>(size) * 2 + one_too_many), small(2);
  const std::span<float> output(small), whole(large);
  const auto refuse = [&](const char* what, auto call) { expect_argument_error(communicator, what, call); };
  refuse("all_gather with an output of another size", [&] { communicator.all_gather(output, whole); });
  refuse("all_gather_async with an output of another size",
         [&] { static_cast<void>(communicator.all_gather_async(output, whole)); });
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size), 2);
  const auto ragged = [&](std::span<float> output_of_all) {
    communicator.all_gather_ragged(output, output_of_all, std::span<const std::int64_t>(counts));
  };
  refuse("all_gather_ragged with an output of another size", [&] { ragged(whole); });
  counts.push_back(1);
  refuse("all_gather_ragged with a count too many", [&] { ragged(whole); });
  counts.pop_back();
  counts[static_cast<std::size_t>(rank)] = 1;
  refuse("all_gather_ragged with an input of another count", [&] { ragged(whole.first(large.size() - 2)); });
  counts[static_cast<std::size_t>(rank)] = 2;
  if (size > 1) {
    counts[static_cast<std::size_t>((rank + 1) % size)] = -1;
    refuse("all_gather_ragged with a negative count", [&] { ragged(whole); });
  }
  refuse("gather with an output of another size", [&] { communicator.gather(output, whole, rank); });
  refuse("gather on rank -1", [&] { communicator.gather(output, whole, -1); });
  refuse("gather on rank size()", [&] { communicator.gather(output, whole, size); });
  refuse("scatter with an input of another size", [&] { communicator.scatter(whole, output, rank); });
  refuse("scatter from rank -1", [&] { communicator.scatter(whole, output, -1); });
  refuse("scatter from rank size()", [&] { communicator.scatter(whole, output, size); });
  refuse("all_to_all with an output of another size",
         [&] { communicator.all_to_all(whole, whole.first(large.size() - 1)); });
  if (size > 1) {
    std::vector<float> other(large.size());
    refuse("all_to_all of a buffer that cannot be cut",
           [&] { communicator.all_to_all(whole, std::span<float>(other)); });
  }
  refuse("broadcast from rank -1", [&] { communicator.broadcast(output, -1); });
  refuse("broadcast from rank size()", [&] { communicator.broadcast(output, size); });
  refuse("broadcast_async from rank size()", [&] { static_cast<void>(communicator.broadcast_async(output, size)); });
}

template <class C>
void check_message_arguments(C& communicator) {
  std::vector<float> values(2);
  const std::span<float> buffer(values);
  const auto refuse = [&](const char* what, auto call) { expect_argument_error(communicator, what, call); };
  for (const int peer : {-1, communicator.size(), communicator.rank()}) {
    refuse("a message to oneself or to nobody", [&] { communicator.send(std::span<const float>(buffer), peer); });
    refuse("a message from oneself or from nobody", [&] { communicator.receive(buffer, peer); });
    refuse("send_async to oneself or to nobody",
           [&] { static_cast<void>(communicator.send_async(std::span<const float>(buffer), peer)); });
    refuse("receive_async from oneself or from nobody",
           [&] { static_cast<void>(communicator.receive_async(buffer, peer)); });
  }
  refuse("a negative color", [&] { static_cast<void>(communicator.split(-1, 0)); });
}

}  // namespace detail

/// After all that was refused, the communicator goes on working.
template <Communicator C>
void check_arguments(C& communicator) {
  detail::check_reduction_arguments(communicator);
  detail::check_transfer_arguments(communicator);
  detail::check_message_arguments(communicator);
  std::int32_t one = 1;
  communicator.all_reduce(std::span<std::int32_t>(&one, 1));
  detail::expect(one == communicator.size(), "arguments", communicator, "it does not work after refusing arguments");
}

}  // namespace lockstep::testing
