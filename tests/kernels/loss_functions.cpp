// Elementwise losses and their derivatives.
#include <lockstep/kernels/loss_functions.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

using namespace lockstep::functions;

TEST_CASE("squared difference") {
  CHECK(SquaredDifference{}(3.0, 1.0) == 4.0);
  CHECK(SquaredDifferenceGradient{0.5}(3.0, 10.0, 1.0) == 20.0);
}

TEST_CASE("binary cross-entropy and its derivatives") {
  constexpr double step = 1e-6;
  const BinaryCrossEntropy loss;
  for (double x : {-5.0, -0.3, 0.4, 6.0}) {
    for (double t : {0.0, 0.3, 1.0}) {
      for (double w : {1.0, 0.2, 4.0}) {
        const double p = 1 / (1 + std::exp(-x));
        CHECK(loss(x, w, t) == doctest::Approx(-(w * t * std::log(p) + (1 - t) * std::log(1 - p))).epsilon(1e-12));
        CHECK(BinaryCrossEntropyByLogit{}(x, w, t) ==
              doctest::Approx((loss(x + step, w, t) - loss(x - step, w, t)) / (2 * step)).epsilon(1e-6));
        CHECK(BinaryCrossEntropyByTarget{}(x, w, t) ==
              doctest::Approx((loss(x, w, t + step) - loss(x, w, t - step)) / (2 * step)).epsilon(1e-6));
      }
      CHECK(loss(x, t) == loss(x, 1.0, t));
      CHECK(BinaryCrossEntropyByLogit{}(x, t) == BinaryCrossEntropyByLogit{}(x, 1.0, t));
      CHECK(BinaryCrossEntropyByTarget{}(x, t) == doctest::Approx(BinaryCrossEntropyByTarget{}(x, 1.0, t)));
    }
  }
  CHECK(ScaledProduct{0.5}(2.0, 3.0) == 3.0);
}

TEST_CASE("losses of confident, right predictions keep their digits") {
  CHECK(BinaryCrossEntropy{}(-20.0F, 0.0F) == doctest::Approx(2.0611536e-9).epsilon(1e-6));
  CHECK(BinaryCrossEntropy{}(20.0F, 3.0F, 1.0F) == doctest::Approx(6.1834608e-9).epsilon(1e-6));
}
