#include "recording_engine.hpp"
#include <lockstep/comm/call/call.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <vector>

namespace ls = lockstep;
using ls::detail::Call;
using ls::detail::Collective;

TEST_CASE("each collective says where its pieces are and how long") {
  ls::testing::RecordingCommunicator communicator;
  std::vector<double> six(6), two(2);
  const std::span<double> whole(six), piece(two);
  const auto expect = [&](Collective collective, std::uint64_t count, const void* input, const void* output, int root) {
    const Call& call = communicator.last();
    CHECK(call.fingerprint.collective == collective);
    CHECK(call.fingerprint.dtype == ls::DType::float64);
    CHECK(call.fingerprint.count == count);
    CHECK(call.fingerprint.root == root);
    CHECK(call.piece == count * sizeof(double));
    CHECK(call.element == sizeof(double));
    CHECK(static_cast<const void*>(call.input) == input);
    CHECK(static_cast<const void*>(call.output) == output);
    CHECK((call.reduce != nullptr) == ls::detail::is_reduction(collective));
  };
  communicator.all_reduce(whole);
  expect(Collective::all_reduce, 6, whole.data(), whole.data(), 0);
  communicator.reduce(whole, whole, 1);
  expect(Collective::reduce, 6, whole.data(), whole.data(), 1);
  communicator.reduce(whole, std::span<double>(), 2);  // not the root: the output is not looked at
  expect(Collective::reduce, 6, whole.data(), nullptr, 2);
  communicator.reduce_scatter(whole, piece);
  expect(Collective::reduce_scatter, 2, whole.data(), piece.data(), 0);
  communicator.all_gather(piece, whole);
  expect(Collective::all_gather, 2, piece.data(), whole.data(), 0);
  communicator.gather(piece, whole, 1);
  expect(Collective::gather, 2, piece.data(), whole.data(), 1);
  communicator.gather(piece, std::span<double>(), 0);
  expect(Collective::gather, 2, piece.data(), nullptr, 0);
  communicator.scatter(whole, piece, 1);
  expect(Collective::scatter, 2, whole.data(), piece.data(), 1);
  communicator.scatter(std::span<double>(), piece, 0);
  expect(Collective::scatter, 2, nullptr, piece.data(), 0);
  std::vector<double> other(6);
  communicator.all_to_all(whole, std::span<double>(other));
  expect(Collective::all_to_all, 2, whole.data(), other.data(), 0);
  communicator.broadcast(whole, 2);
  expect(Collective::broadcast, 6, whole.data(), whole.data(), 2);
  communicator.send(piece, 2);
  expect(Collective::send, 2, piece.data(), nullptr, 2);
  communicator.receive(piece, 0);
  expect(Collective::receive, 2, nullptr, piece.data(), 0);
}

TEST_CASE("a ragged gather carries the counts, and the bytes of this rank") {
  ls::testing::RecordingCommunicator communicator;
  std::vector<float> own(4), all(9);
  const std::vector<std::int64_t> counts{3, 4, 2};
  communicator.all_gather_ragged(std::span<float>(own), std::span<float>(all), counts);
  CHECK(communicator.last().fingerprint.count == 9);
  CHECK(communicator.last().piece == 16);
  CHECK(communicator.last().counts.data() == counts.data());
}
