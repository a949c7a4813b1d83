#include <lockstep/comm/host/failure.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <string>

using namespace lockstep::detail;

namespace {

struct Page {
  explicit Page(int size) : memory(ControlPage::bytes(size, 0)), page(memory.data(), size, 0) { page.construct(1); }
  void post(int rank, std::uint64_t number, const Fingerprint& call) {
    page.slot(rank, number).fingerprint.store(call.packed());
    page.slot(rank, number).sequence.store(number + 1);
  }
  lockstep::AlignedMemory memory;
  ControlPage page;
};

constexpr Fingerprint reduce{Collective::all_reduce, lockstep::DType::float32, lockstep::Reduction::sum, 0, 524288};
constexpr Fingerprint barrier{Collective::barrier};

}  // namespace

TEST_CASE("a rank is described by its place, a thread by its number") {
  Page page(2);
  CHECK(describe_rank(page.page, 1) == "rank 1");
  page.page.rank(1).identity.process = 123;
  std::strcpy(page.page.rank(1).identity.host, "a");
  CHECK(describe_rank(page.page, 1) == "rank 1 (host a, pid 123)");
}

TEST_CASE("the last call of a rank is told apart from the one that it has finished") {
  Page page(2);
  CHECK(describe_last_call(page.page, 1) == "before its first call");
  page.post(1, 0, barrier);
  page.post(1, 1, reduce);
  CHECK(describe_last_call(page.page, 1) == "during all_reduce<float32>(524288, sum) #2");
  page.page.rank(1).counters.finished = 2;
  CHECK(describe_last_call(page.page, 1) == "after all_reduce<float32>(524288, sum) #2");
  page.post(1, slot_count + 3, barrier);
  CHECK(describe_last_call(page.page, 1) == "during barrier() #36");
}

TEST_CASE("a disagreement lists every rank, or the first eight of many") {
  Page few(2), many(20);
  few.post(0, 4, reduce);
  few.post(1, 4, barrier);
  CHECK(describe_mismatch(few.page, 4) ==
        "the ranks disagree about collective #5: rank 0 called all_reduce<float32>(524288, sum); rank 1 called "
        "barrier(); "
        "all ranks must make the same calls in the same order");
  for (int rank = 0; rank < 20; ++rank) many.post(rank, 0, barrier);
  const std::string text = describe_mismatch(many.page, 0);
  CHECK(text.find("rank 7 called barrier(); and 12 more ranks") != std::string::npos);
}

TEST_CASE("the first failure stands") {
  Page page(3);
  CHECK(announce_failure(page.page, 2, std::string(5000, 'x')));
  CHECK(!announce_failure(page.page, 1, "late"));
  const std::string text = announced_failure(page.page);
  CHECK(text.starts_with("rank 2 reported: xxx"));
  CHECK(text.size() < 1100);
}
