#include <lockstep/comm/mpi/mpi_messages.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ls = lockstep;
using ls::detail::Collective;

namespace {

ls::detail::Call message(Collective direction, std::vector<std::byte>& bytes) {
  ls::detail::Call call;
  call.fingerprint = {.collective = direction, .dtype = ls::DType::uint8, .count = bytes.size()};
  call.input = bytes.data();
  call.output = bytes.data();
  call.piece = bytes.size();
  return call;
}

}  // namespace

TEST_CASE("messages to oneself: short ones, long ones, in order, and of the wrong length") {
  static_cast<void>(ls::detail::MpiSession::instance());
  MPI_Comm self;
  MPI_Comm_dup(MPI_COMM_SELF, &self);
  ls::detail::MpiMessages messages(self, 1);
  int mismatches = 0;
  const auto mismatch = [&](const ls::detail::MpiMessage&, const ls::detail::Fingerprint& sent) {
    ++mismatches;
    CHECK(sent.count == 7);
  };
  const std::size_t lengths[] = {0, 1, 2040, 2041, 300'000, 5};
  std::vector<std::vector<std::byte>> sent, received;
  for (const std::size_t length : lengths) {
    sent.emplace_back(length, static_cast<std::byte>(length % 251));
    received.emplace_back(length);
  }
  for (auto& bytes : received) messages.start(message(Collective::receive, bytes));
  std::uint64_t last = 0;
  for (auto& bytes : sent) last = messages.start(message(Collective::send, bytes));
  CHECK(messages.find(last) != nullptr);
  while (!messages.empty()) messages.advance(mismatch);
  CHECK(messages.find(last) == nullptr);
  CHECK(received == sent);
  CHECK(messages.sent_to(0) == 6);
  CHECK(messages.received_from(0) == 6);
  CHECK(mismatches == 0);

  std::vector<std::byte> seven(7), eight(8);
  messages.start(message(Collective::receive, eight));
  messages.start(message(Collective::send, seven));
  while (!messages.empty()) messages.advance(mismatch);
  CHECK(mismatches == 1);
  MPI_Comm_free(&self);
}
