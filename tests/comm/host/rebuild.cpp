#include <lockstep/comm/host/rebuild.hpp>
#include <lockstep/core/thread.hpp>
#include <lockstep/tensor/memory.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

struct Page {
  explicit Page(int size) : memory(ControlPage::bytes(size, 0)), page(memory.data(), size, 0) { page.construct(1); }
  lockstep::AlignedMemory memory;
  ControlPage page;
};

ls::Deadline soon(int milliseconds) { return ls::Deadline::after(std::chrono::milliseconds(milliseconds)); }

const auto nobody = [](int) { return false; };

}  // namespace

TEST_CASE("ranks agree on those who come, and need not wait for those who are gone") {
  Page page(130);
  std::vector<int> results[3];
  const std::vector<int> candidates{1, 64, 100, 129};
  {
    const auto come = [&](int index, int rank) {
      results[index] =
          agree_on_members("test", page.page, rank, 0, candidates, soon(30'000), [](int peer) { return peer == 100; });
    };
    const ls::Thread first([&] { come(0, 129); }), second([&] { come(1, 1); });
    come(2, 64);
  }
  for (const auto& members : results) CHECK(members == std::vector<int>{1, 64, 129});
}

TEST_CASE("who comes after the list was closed is told so, again and again") {
  Page page(3);
  CHECK(closed_with(page.page, 0).empty());
  CHECK(agree_on_members("test", page.page, 2, 0, {0, 1, 2}, soon(20), nobody) == std::vector<int>{2});
  for (int i = 0; i < 2; ++i) {
    try {
      agree_on_members("test", page.page, 0, 0, {0, 1, 2}, soon(20), nobody);
      CHECK(false);
    } catch (const ls::CommunicationError& error) {
      CHECK(
          std::string(error.what()) ==
          "test: rank 0 came too late to the rebuild: rank 2 had closed it, and the ranks that came in time (2) go on "
          "without this one");
    }
  }
}

TEST_CASE("a list that is not finished does not count") {
  Page page(3);
  page.page.rank(1).rebuild.members[0][0] = 2;  // rank 1 died before it closed the attempt
  page.page.rank(1).rebuild.attempts = 1;
  const auto gone = [](int rank) { return rank == 1; };
  CHECK(agree_on_members("test", page.page, 0, 0, {0, 1, 2}, soon(20), gone) == std::vector<int>{0});
}

TEST_CASE("an attempt that loses a member is followed by one without it") {
  Page page(2);
  int attempts = 0;
  const auto members = rebuild_group("test", page.page, 1, std::chrono::milliseconds(20), nobody,
                                     [&](const std::vector<int>& chosen, int attempt) {
                                       CHECK(attempt == attempts++);
                                       if (attempts < 3) throw ls::CommunicationError("lost");
                                       return chosen;
                                     });
  CHECK(attempts == 3);
  CHECK(members == std::vector<int>{1});
  CHECK_THROWS_AS(
      rebuild_group("test", page.page, 1, std::chrono::milliseconds(20), nobody, [](const auto&, int) { return 0; }),
      ls::ArgumentError);
}
