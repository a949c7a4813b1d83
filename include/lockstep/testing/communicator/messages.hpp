// send and receive: messages from rank to rank, blocking and not, alone and beside collectives.
#pragma once

#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/testing/communicator/expect.hpp>
#include <lockstep/testing/communicator/values.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

namespace lockstep::testing {

namespace detail {

/// Every rank sends to the next and receives from the one before; every other rank receives first.
template <class C>
void check_message_ring(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  const int right = (rank + 1) % size, left = (rank + size - 1) % size;
  for_each_element_type([&]<class T>(T) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{600},
                                    std::size_t{20'011}, std::size_t{300'007} / sizeof(T)}) {
      on_both_memories<T>(communicator, count, [&](std::span<T> buffer) {
        std::vector<T> other(count + 1);
        const std::span<T> heap = std::span<T>(other).subspan(1);
        const bool from_heap = rank % 3 == 0;  // sender and receiver use different kinds of memory, too
        const std::span<T> output = from_heap ? buffer : heap;
        const std::span<const T> input = from_heap ? heap : buffer;
        fill_marks(from_heap ? heap : buffer, rank);
        fill_marks(output, 126);
        if (rank % 2 == 0) communicator.send(input, right);
        communicator.receive(output, left);
        if (rank % 2 != 0) communicator.send(input, right);
        expect_elements(
            output, [&](std::size_t i) { return mark<T>(left, i); }, "messages", communicator, "received from rank ",
            left);
      });
    }
  });
}

/// Every rank exchanges messages with every other, all at once; some are empty.
template <class C>
void check_message_exchange(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  const auto count = [&](int source, int destination) {
    const int pair = source * size + destination;
    return static_cast<std::size_t>(pair % 4 == 1 ? 0 : pair % 5 == 2 ? 60'001 + pair : 37 * pair);
  };
  std::vector<std::vector<double>> inputs, outputs;
  for (int peer = 0; peer < size; ++peer) {
    inputs.emplace_back(count(rank, peer));
    outputs.emplace_back(count(peer, rank));
    fill_marks(std::span<double>(inputs.back()), rank * size + peer);
  }
  std::vector<decltype(communicator.send_async(std::span<const double>(), 0))> sending;
  std::vector<decltype(communicator.receive_async(std::span<double>(), 0))> receiving;
  for (int step = 1; step < size; ++step) {
    const int to = (rank + step) % size, from = (rank + size - step) % size;
    receiving.push_back(communicator.receive_async(std::span<double>(outputs[static_cast<std::size_t>(from)]), from));
    sending.push_back(communicator.send_async(std::span<const double>(inputs[static_cast<std::size_t>(to)]), to));
  }
  for (std::size_t i = receiving.size(); i-- > 0;) receiving[i].wait();
  for (std::size_t i = sending.size(); i-- > 0;) sending[i].wait();
  for (int peer = 0; peer < size; ++peer) {
    if (peer == rank) continue;
    expect_elements(
        std::span<double>(outputs[static_cast<std::size_t>(peer)]),
        [&](std::size_t i) { return mark<double>(peer * size + rank, i); }, "messages", communicator,
        "exchanged with rank ", peer);
  }
}

/// Many messages of a pair, long and short ones mixed, arrive in the order in which they were sent, whichever is waited
/// for first.
template <class C>
void check_message_order(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  const int right = (rank + 1) % size, left = (rank + size - 1) % size;
  constexpr std::size_t messages = 40;
  const auto fill = [&](std::vector<float>& message, std::size_t number) {
    fill_marks(std::span<float>(message), rank * 41 + static_cast<int>(number));
  };
  const auto verify = [&](std::vector<float>& message, std::size_t number) {
    const int source = left * 41 + static_cast<int>(number);
    expect_elements(
        std::span<float>(message), [&](std::size_t i) { return mark<float>(source, i); }, "messages", communicator,
        "number ", number, " from rank ", left);
  };
  for (const bool same_length : {true, false}) {
    std::vector<std::vector<float>> inputs, outputs;
    std::vector<decltype(communicator.send_async(std::span<const float>(), 0))> sending;
    std::vector<decltype(communicator.receive_async(std::span<float>(), 0))> receiving;
    inputs.reserve(messages);
    outputs.reserve(messages);
    for (std::size_t i = 0; i < messages; ++i) {
      const std::size_t count = same_length ? 5 : i % 9 == 4 ? 70'001 : i % 5 * 300;
      fill(inputs.emplace_back(count), i);
      outputs.emplace_back(count);
      sending.push_back(communicator.send_async(std::span<const float>(inputs[i]), right));
      receiving.push_back(communicator.receive_async(std::span<float>(outputs[i]), left));
    }
    for (std::size_t i = 0; i < messages; i += 3) receiving[i].wait();
    for (std::size_t i = messages; i-- > 0;) sending[i].wait();
    for (std::size_t i = messages; i-- > 0;) receiving[i].wait();
    for (std::size_t i = 0; i < messages; ++i) verify(outputs[i], i);
  }
  std::vector<float> first(3), second(3), received(3);  // sent before they are asked for
  fill(first, 0);
  fill(second, 1);
  auto sent_first = communicator.send_async(std::span<const float>(first), right);
  auto sent_second = communicator.send_async(std::span<const float>(second), right);
  for (const std::size_t number : {std::size_t{0}, std::size_t{1}}) {
    communicator.receive(std::span<float>(received), left);
    verify(received, number);
  }
  sent_second.wait();
  sent_first.wait();
}

/// Collectives and messages do not wait for each other.
template <class C>
void check_messages_beside_collectives(C& communicator) {
  const char* check = "messages";
  const int size = communicator.size(), rank = communicator.rank();
  const int right = (rank + 1) % size, left = (rank + size - 1) % size;
  const auto from_left = [&](std::size_t i) { return mark<float>(left, i); };
  const auto expected = expected_small<float>(Reduction::sum, size);
  for (const std::size_t count : {std::size_t{3}, std::size_t{100'003}}) {
    std::vector<float> input(count), output(count), sums(2 * count), more(count);
    fill_marks(std::span<float>(input), rank);
    fill_small(std::span<float>(sums), rank);
    fill_small(std::span<float>(more), rank);

    auto late = communicator.receive_async(std::span<float>(output), left);  // nobody has sent yet
    auto reduction = communicator.all_reduce_async(std::span<float>(sums), Reduction::sum);
    communicator.barrier();
    communicator.all_reduce(std::span<float>(more));
    communicator.send(std::span<const float>(input), right);
    late.wait();
    reduction.wait();
    expect_elements(std::span<float>(output), from_left, check, communicator, "received across collectives");
    expect_elements(std::span<float>(sums), expected, check, communicator, "summed across messages");
    expect_elements(std::span<float>(more), expected, check, communicator, "summed across messages");

    fill_marks(std::span<float>(output), 126);  // a message that is sent long before it is asked for
    fill_small(std::span<float>(more), rank);
    auto early = communicator.send_async(std::span<const float>(input), right);
    communicator.all_reduce(std::span<float>(more));
    communicator.barrier();
    communicator.receive(std::span<float>(output), left);
    early.wait();
    expect_elements(std::span<float>(output), from_left, check, communicator, "received after collectives");
    expect_elements(std::span<float>(more), expected, check, communicator, "summed while a message was sent");

    // Rank 0 has begun a collective that the others begin only when messages went to and fro.
    fill_small(std::span<float>(more), rank);
    if (rank == 0) {
      auto begun = communicator.all_reduce_async(std::span<float>(more), Reduction::sum);
      communicator.receive(std::span<float>(output), 1);
      communicator.send(std::span<const float>(output), 1);
      begun.wait();
    } else {
      if (rank == 1) {
        communicator.send(std::span<const float>(input), 0);
        communicator.receive(std::span<float>(output), 0);
      }
      communicator.all_reduce(std::span<float>(more));
    }
    if (rank < 2) {
      expect_elements(
          std::span<float>(output), [&](std::size_t i) { return mark<float>(1, i); }, check, communicator,
          "exchanged during a collective");
    }
    expect_elements(std::span<float>(more), expected, check, communicator, "summed while messages were exchanged");
  }
}

/// Results of messages can be tested and dropped.
template <class C>
void check_pending_messages(C& communicator) {
  const int size = communicator.size(), rank = communicator.rank();
  const int right = (rank + 1) % size, left = (rank + size - 1) % size;
  std::vector<float> input(9001), output(9001);
  fill_marks(std::span<float>(input), rank);
  const Deadline deadline = Deadline::after(std::chrono::seconds(60));
  for (const bool dropped : {false, true}) {
    fill_marks(std::span<float>(output), 126);
    {
      auto receiving = communicator.receive_async(std::span<float>(output), left);
      auto sending = communicator.send_async(std::span<const float>(input), right);
      while (!dropped && !(receiving.test() && sending.test())) {
        expect(!deadline.passed(), "messages", communicator, "test() has said false for 60 s");
      }
    }
    expect_elements(
        std::span<float>(output), [&](std::size_t i) { return mark<float>(left, i); }, "messages", communicator,
        dropped ? "after the destructor" : "after test");
  }
}

}  // namespace detail

/// Messages from rank to rank. A world of one has none.
template <Communicator C>
void check_messages(C& communicator) {
  if (communicator.size() == 1) return;
  detail::check_message_ring(communicator);
  detail::check_message_exchange(communicator);
  detail::check_message_order(communicator);
  detail::check_messages_beside_collectives(communicator);
  detail::check_pending_messages(communicator);
}

}  // namespace lockstep::testing
