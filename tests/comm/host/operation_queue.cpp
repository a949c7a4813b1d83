#include <lockstep/comm/host/operation_queue.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/core/shared.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

/// Two ranks in one thread: nothing in a queue waits, so every interleaving can be played by hand.
struct TwoRanks {
  lockstep::Shared<ThreadGroupState> group = lockstep::Shared<ThreadGroupState>::make(2, ls::ThreadGroupOptions{});
  Member<ThreadTransport> first_member{ThreadTransport{group}, group->page, 0};
  Member<ThreadTransport> second_member{ThreadTransport{group}, group->page, 1};
  OperationQueue<ThreadTransport> first{first_member};
  OperationQueue<ThreadTransport> second{second_member};
};

Call sum_of(std::vector<float>& values) {
  Call call;
  call.fingerprint = {Collective::all_reduce, ls::DType::float32, ls::Reduction::sum, 0, values.size()};
  call.input = reinterpret_cast<const std::byte*>(values.data());
  call.output = reinterpret_cast<std::byte*>(values.data());
  call.piece = values.size() * sizeof(float);
  call.element = sizeof(float);
  call.reduce = &reduce_slice<float>;
  return call;
}

}  // namespace

TEST_CASE("a small operation is complete for a rank once all have posted") {
  TwoRanks ranks;
  std::vector<float> a{1, 2}, b{10, 20};
  CHECK(ranks.first.post(sum_of(a)) == 0);
  CHECK(!ranks.first.advance());
  CHECK(ranks.first.lags(1));
  ranks.second.post(sum_of(b));
  CHECK(ranks.first.advance());
  CHECK(ranks.first.completed() == 1);
  CHECK(a == std::vector<float>{11, 22});
  CHECK(b == std::vector<float>{10, 20});
  CHECK(ranks.second.advance());
  CHECK(b == std::vector<float>{11, 22});
}

TEST_CASE("a large operation is complete once all have worked") {
  TwoRanks ranks;
  std::vector<float> a(5000, 1), b(5000, 2);
  ranks.first.post(sum_of(a));
  ranks.second.post(sum_of(b));
  CHECK(ranks.first.advance());
  CHECK(ranks.first.completed() == 0);
  CHECK(a.front() == 3);
  CHECK(a.back() == 1);  // the share of the second rank
  CHECK(!ranks.first.advance());
  CHECK(ranks.second.advance());
  CHECK(ranks.second.completed() == 1);
  CHECK(ranks.first.advance());
  CHECK(ranks.first.completed() == 1);
  CHECK(a == std::vector<float>(5000, 3));
  CHECK(b == a);
}

TEST_CASE("a rank may run ahead by as many operations as there are slots, and order is kept") {
  TwoRanks ranks;
  std::vector<std::vector<float>> a, b;
  for (std::uint64_t i = 0; i < slot_count; ++i) {
    a.emplace_back(i % 2 == 0 ? 3 : 3000, static_cast<float>(i));
    b.emplace_back(a.back().size(), 1.0f);
  }
  for (auto& values : a) {
    REQUIRE(ranks.first.has_free_slot());
    ranks.first.post(sum_of(values));
    ranks.first.advance();
  }
  CHECK(!ranks.first.has_free_slot());
  for (std::uint64_t i = 0; i < slot_count; ++i) {
    ranks.second.post(sum_of(b[i]));
    ranks.second.advance();
    CHECK(ranks.second.completed() <= i + 1);
    ranks.first.advance();
    CHECK(ranks.first.completed() == i + 1);
  }
  ranks.second.advance();
  CHECK(ranks.first.has_free_slot());
  for (std::uint64_t i = 0; i < slot_count; ++i) {
    CHECK(a[i].back() == static_cast<float>(i) + 1);
    CHECK(b[i] == a[i]);
  }
}

TEST_CASE("a disagreement is an error for whoever looks, and stays one") {
  TwoRanks ranks;
  std::vector<float> a(10), b(11);
  ranks.first.post(sum_of(a));
  ranks.second.post(sum_of(b));
  CHECK_THROWS_AS(ranks.first.advance(), ls::CommunicationError);
  CHECK_THROWS_AS(ranks.second.advance(), ls::CommunicationError);
  CHECK_THROWS_AS(ranks.first_member.require_no_error(), ls::CommunicationError);
  CHECK_THROWS_AS(ranks.second_member.fail_with_group(""), ls::CommunicationError);
}
