// The mean is the default everywhere.
#include <lockstep/autograd/ops/loss_reduction.hpp>

#include <doctest/doctest.h>

TEST_CASE("LossReduction: the first is the mean") {
  CHECK(lockstep::LossReduction{} == lockstep::LossReduction::mean);
  CHECK(lockstep::LossReduction::none != lockstep::LossReduction::sum);
}
