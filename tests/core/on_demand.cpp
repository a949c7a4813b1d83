// Functions on demand behave as the inline functions that they stand for.
#include <lockstep/core/on_demand.hpp>

#include <doctest/doctest.h>

namespace {

LOCKSTEP_ON_DEMAND int twice(int value, int factor = 2) { return factor * value; }

struct Counter {
  LOCKSTEP_ON_DEMAND explicit Counter(int start) : count(start) {}
  LOCKSTEP_ON_DEMAND int next() { return ++count; }
  LOCKSTEP_ON_DEMAND static Counter from(int start) { return Counter(start); }

  int count;
};

}  // namespace

TEST_CASE("callers see ordinary functions, members and constructors") {
  CHECK(twice(3) == 6);
  CHECK(twice(3, 5) == 15);
  Counter counter(4);
  CHECK(counter.next() == 5);
  CHECK(Counter::from(1).next() == 2);
}
