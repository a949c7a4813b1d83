#include "training.hpp"
#include <lockstep/accelerator/accelerator.hpp>

#include <atomic>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("with a fixed number of micro-batches the parameters are the same, bit for bit, for 1, 2 and 4 ranks") {
  for (const double dropout : {0.0, 0.3}) {
    CAPTURE(dropout);
    TrainingOptions options{.micro_batches = 4, .dropout = dropout};
    const std::string expected = train_all(options)[0];
    REQUIRE(expected.size() > 1000);
    for (const Transport transport : {Transport::threads, Transport::ring}) {
      for (const int ranks : {1, 2, 4}) {
        CAPTURE(static_cast<int>(transport));
        CAPTURE(ranks);
        options.transport = transport;
        options.ranks = ranks;
        for (const std::string& result : train_all(options)) CHECK((result == expected));
      }
    }
  }
}

TEST_CASE("more micro-batches per rank: the tree over 8 leaves has the same bits on 1, 2, 4 and 8 ranks") {
  TrainingOptions options{.steps = 6, .micro_batches = 8};
  const std::string expected = train_all(options)[0];
  for (const int ranks : {2, 4, 8}) {
    options.transport = Transport::threads;
    options.ranks = ranks;
    for (const std::string& result : train_all(options)) CHECK((result == expected));
  }
}

TEST_CASE("without micro-batches the ranks agree bit for bit, and with one rank up to rounding") {
  TrainingOptions options;
  const std::string expected = train_all(options)[0];
  for (const Transport transport : {Transport::threads, Transport::ring}) {
    for (const int ranks : {2, 4}) {
      CAPTURE(static_cast<int>(transport));
      CAPTURE(ranks);
      options.transport = transport;
      options.ranks = ranks;
      const auto results = train_all(options);
      CHECK(difference(expected, results[0]) < 1e-5);
      for (const std::string& result : results) CHECK((result == results[0]));
    }
  }
}

TEST_CASE("frozen and unused parameters stay what they are, at 2 ranks as at one") {
  for (const bool frozen : {true, false}) {
    CAPTURE(frozen);
    TrainingOptions options{.micro_batches = 2, .freeze_hidden = frozen, .skip_shared = !frozen};
    const std::string expected = train_all(options)[0];
    options.transport = Transport::threads;
    options.ranks = 2;
    for (const std::string& result : train_all(options)) CHECK((result == expected));
  }
}

namespace {

/// One weight; its gradient is the mean input.
struct Slope {
  Parameter weight{Shape{1, 1}, init::zeros()};
  template <Variable V>
  V operator()(const V& x) const {
    return mean(linear(x, weight));
  }
  LOCKSTEP_FIELDS(weight)
};

}  // namespace

TEST_CASE("backward divides the weighted sum of gradients by the sum of weights, over ranks and micro-batches") {
  // Micro-batches with gradients 1, 2, 3, 4 and weights 1, 3, 5, 7 on 2 ranks with 2 each.
  const double expected = (1.0 * 1 + 3 * 2 + 5 * 3 + 7 * 4) / 16.0;
  launch_threads(2, [&](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator), {.gradient_accumulation_steps = 2});
    auto [model, optimizer] = accelerator.prepare(Slope{}, Sgd{.learning_rate = 1});
    for (int i = 0; i < 2; ++i) {
      const auto gradient = static_cast<float>(2 * i + accelerator.rank() + 1);
      accelerator.accumulate();
      CHECK(accelerator.sync_gradients() == (i == 1));
      accelerator.backward(model(Tensor<float>::full({1, 1}, gradient)), 2 * gradient - 1);
      optimizer.step();
      optimizer.zero_grad();
    }
    CHECK(static_cast<double>(model.parameter("weight")[0]) == doctest::Approx(-expected).epsilon(1e-6));
    CHECK(optimizer.step_count() == 1);
  });
}

TEST_CASE("accumulate ends a window at every k-th batch and at the last batch of a loader") {
  Accelerator<SingleDevice<Cpu>> accelerator(Single{}, {.gradient_accumulation_steps = 2});
  auto dataset = TensorDataset(Tensor<float>::full({5, 1}, 1.0F), Tensor<float>(Shape{5, 1}));
  auto [model, optimizer, loader] =
      accelerator.prepare(Slope{}, Sgd{.learning_rate = 1}, DataLoader{dataset, {.batch_size = 1}});
  std::string trace;
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (auto& batch : loader) {
      accelerator.accumulate();
      accelerator.backward(model(batch.inputs));
      optimizer.step();
      optimizer.zero_grad();
      trace += accelerator.sync_gradients() ? 'T' : 'F';
    }
  }
  CHECK(trace == "FTFTTFTFTT");
  CHECK(optimizer.step_count() == 6);
  CHECK(static_cast<double>(model.parameter("weight")[0]) == doctest::Approx(-6));  // each window's mean gradient is 1
}

TEST_CASE("windows synchronise where Accelerate's do") {
  struct Case {
    std::int64_t batches, steps;
    bool sync_with_dataloader;
    int epochs;
    std::string flags;
  };
  for (const Case& c :
       {Case{5, 2, true, 1, "FTFTT"}, Case{5, 2, true, 2, "FTFTTFTFTT"}, Case{5, 2, false, 2, "FTFTFTFTFT"},
        Case{8, 4, true, 1, "FFFTFFFT"}, Case{3, 8, true, 2, "FFTFFT"}, Case{3, 8, false, 3, "FFFFFFFTF"}}) {
    Accelerator<SingleDevice<Cpu>> accelerator(
        Single{}, {.gradient_accumulation_steps = c.steps, .sync_with_dataloader = c.sync_with_dataloader});
    auto loader = accelerator.prepare(
        DataLoader{TensorDataset(Tensor<float>(Shape{c.batches, 1}), Tensor<float>(Shape{c.batches, 1}))});
    std::string flags;
    for (int epoch = 0; epoch < c.epochs; ++epoch) {
      for ([[maybe_unused]] auto& batch : loader) {
        accelerator.accumulate();
        flags += accelerator.sync_gradients() ? 'T' : 'F';
      }
    }
    CHECK(flags == c.flags);
  }
}

TEST_CASE("main_process_first runs rank 0 before the others, and its failure is everybody's") {
  std::atomic<int> order{0};
  launch_threads(3, [&](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator));
    accelerator.main_process_first([&] { CHECK((order.fetch_add(1) == 0) == accelerator.is_main_process()); });
    const auto fail = [] { throw ArgumentError("no such file"); };
    CHECK_THROWS_AS(accelerator.main_process_first(fail), Error);
    CHECK(accelerator.reduce(1) == 3);
  });
  CHECK(order == 3);
}

TEST_CASE("a trigger that one rank sets is seen by all, once") {
  launch_threads(2, [](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator));
    CHECK_FALSE(accelerator.check_trigger());
    if (accelerator.rank() == 1) accelerator.set_trigger();
    CHECK(accelerator.check_trigger());
    CHECK_FALSE(accelerator.check_trigger());
    CHECK(accelerator.split_between_processes(std::vector<int>{1, 2, 3}).size() == (accelerator.rank() == 0 ? 2 : 1));
  });
}

TEST_CASE("backward refuses what cannot be a loss and names the way out") {
  Accelerator<SingleDevice<Cpu>> accelerator(Single{});
  auto model = accelerator.prepare(Linear{2, 2});
  CHECK_THROWS_WITH_AS(accelerator.backward(model(Tensor<float>(Shape{1, 2}))), doctest::Contains("[1, 2]"),
                       ShapeError);
  auto loss = mean(model(Tensor<float>(Shape{1, 2})));
  CHECK_THROWS_AS(accelerator.backward(loss, -1), ArgumentError);
  accelerator.backward(loss);
  CHECK_THROWS_WITH_AS(accelerator.backward(loss), doctest::Contains("swept already"), ArgumentError);
}

TEST_CASE("a step without gradients is an error, not a silent weight decay") {
  Accelerator<SingleDevice<Cpu>> accelerator(Single{});
  auto [model, optimizer] = accelerator.prepare(Linear{2, 2}, AdamW{});
  CHECK_THROWS_WITH_AS(optimizer.step(), doctest::Contains("backward"), ArgumentError);
}

TEST_CASE("detect_anomaly names the first op that made a NaN") {
  Accelerator<SingleDevice<Cpu>> accelerator(Single{}, {.detect_anomaly = true});
  auto model = accelerator.prepare(Linear{2, 2});
  model.parameter("weight")[0] = -1e30F;
  CHECK_THROWS_WITH_AS(mean(exp(model(Tensor<float>::full({1, 2}, -1e30F)))), doctest::Contains("'linear'"),
                       NumericalError);
}

TEST_CASE("options that do not go with the number of ranks are refused") {
  CHECK_THROWS_AS(validate(AcceleratorOptions{.gradient_accumulation_steps = 0}, 1), ArgumentError);
  CHECK_THROWS_WITH_AS(validate(AcceleratorOptions{.micro_batches = 4}, 3), doctest::Contains("(3)"), ArgumentError);
  CHECK_NOTHROW(validate(AcceleratorOptions{.micro_batches = 4}, 2));
}

TEST_CASE("gather joins rows in rank order, ragged ones too, and scalars become rows") {
  launch_threads(3, [](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator));
    const auto rank = accelerator.rank();
    const auto rows = accelerator.gather(Tensor<float>::full({rank + 1, 2}, static_cast<float>(rank)));
    CHECK(rows.shape() == Shape{6, 2});
    for (std::int64_t i = 0; i < 12; ++i) CHECK(rows[i] == (i < 2 ? 0.0F : i < 6 ? 1.0F : 2.0F));
    CHECK(accelerator.gather(Tensor<std::int32_t>::full({}, rank)).shape() == Shape{3});
    CHECK(accelerator.reduce(rank + 1) == 6);
    CHECK(accelerator.reduce(static_cast<double>(rank), Reduction::mean) == 1.0);
    accelerator.wait_for_everyone();
  });
}

TEST_CASE("gather of rows that differ names both ranks") {
  CHECK_THROWS_WITH_AS(launch_threads(2,
                                      [](Threads communicator) {
                                        Accelerator<CpuThreads> accelerator(std::move(communicator));
                                        accelerator.gather(Tensor<float>(Shape{1, 2 + accelerator.rank()}));
                                      }),
                       doctest::Contains("elements"), ShapeError);
}

TEST_CASE("gather_for_metrics restores the data set's order without padding") {
  launch_threads(2, [](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator));
    Tensor<float> inputs(Shape{11, 1});
    for (std::int64_t i = 0; i < 11; ++i) inputs[i] = static_cast<float>(i);
    auto dataset = TensorDataset(std::move(inputs), Tensor<float>(Shape{11, 1}));
    auto loader = accelerator.prepare(DataLoader{dataset, {.batch_size = 3}});
    std::vector<float> seen;
    for (auto& batch : loader) {
      const auto all = accelerator.gather_for_metrics(batch.inputs, batch);
      seen.insert(seen.end(), all.span().begin(), all.span().end());
    }
    REQUIRE(seen.size() == 11);
    for (std::size_t i = 0; i < 11; ++i) CHECK(seen[i] == static_cast<float>(i));
  });
}

namespace lockstep::ops {

/// The identity; throws in backward when the value says so.
struct Tripwire {
  static constexpr const char* name = "tripwire";
  static constexpr int arity = 1;
  Shape shape(const Shape& x) const { return x; }
  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) const {
    Context::Kernels::map(
        context.device, y.numel(), Destination<T>{y.data}, [](T v) { return v; }, x.data);
  }
  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (x.value[0] > 100) throw NumericalError("tripwire");
    context.pass_gradient(y, x);
  }
};

}  // namespace lockstep::ops

TEST_CASE("a backward that throws leaves nothing behind: the next step is as if it had not been") {
  Accelerator<SingleDevice<Cpu>, Replicated, Fp32, CoreOps::with<ops::Tripwire>> accelerator(Single{});
  auto [model, optimizer] = accelerator.prepare(Slope{}, Sgd{.learning_rate = 1});
  const auto one = Tensor<float>::full({1, 1}, 1.0F), many = Tensor<float>::full({1, 1}, 1000.0F);
  const auto loss = [&, &slope = model](const Tensor<float>& input) {
    const auto y = slope(input);
    return y.tape().record(ops::Tripwire{}, y + input[0]) + y;
  };
  CHECK_THROWS_AS(accelerator.backward(broadcast_to(model(one), {2})),
                  ShapeError);  // refused before anything was done: it does not count in the window
  CHECK_THROWS_AS(accelerator.backward(loss(many)), NumericalError);
  CHECK_THROWS_WITH_AS(optimizer.step(), doctest::Contains("without gradients"), ArgumentError);
  for (int step = 1; step <= 3; ++step) {
    accelerator.backward(loss(one));
    optimizer.step();
    optimizer.zero_grad();
    CHECK(model.parameter("weight")[0] == -2.0F * static_cast<float>(step));
  }
}

TEST_CASE("a window whose weights are all zero is an error on every rank, and the ranks go on together") {
  launch_threads(2, [](Threads communicator) {
    Accelerator<CpuThreads> accelerator(std::move(communicator));
    auto [model, optimizer] = accelerator.prepare(Slope{}, Sgd{.learning_rate = 1});
    const auto input = Tensor<float>::full({1, 1}, static_cast<float>(accelerator.rank() + 1));
    for (int step = 1; step <= 3; ++step) {
      CHECK_THROWS_WITH_AS(accelerator.backward(model(input), 0), doctest::Contains("weights"), ArgumentError);
      accelerator.backward(model(input));
      optimizer.step();
      optimizer.zero_grad();
      CHECK(model.parameter("weight")[0] == -1.5F * static_cast<float>(step));
    }
  });
}

TEST_CASE("micro-batches that were left early are no part of the next step, with or without zero_grad") {
  Accelerator<SingleDevice<Cpu>> accelerator(Single{}, {.micro_batches = 4});
  auto [model, optimizer, loader] = accelerator.prepare(
      Slope{}, Sgd{.learning_rate = 1},
      DataLoader{TensorDataset(Tensor<float>::full({4, 1}, 1.0F), Tensor<float>(Shape{4, 1})), {.batch_size = 4}});
  for (auto& batch : loader) {
    try {
      for (auto micro : accelerator.micro_batches(batch)) {
        accelerator.backward(model(micro.inputs));
        throw Error("left");
      }
    } catch (const Error&) {}
    for (auto micro : accelerator.micro_batches(batch)) accelerator.backward(model(micro.inputs));
    optimizer.step();
    CHECK(model.parameter("weight")[0] == -1.0F);
  }
}

TEST_CASE("values of two accelerators do not mix") {
  Accelerator<SingleDevice<Cpu>> first(Single{}), second(Single{});
  auto one = first.prepare(Slope{});
  auto two = second.prepare(Slope{});
  const auto input = Tensor<float>::full({1, 1}, 1.0F);
  const auto a = one(input), b = two(input);
  CHECK_THROWS_WITH_AS(a + b, doctest::Contains("two tapes"), ArgumentError);
  CHECK_THROWS_WITH_AS(concat({reshape(a, {1}), reshape(b, {1})}, 0), doctest::Contains("two tapes"), ArgumentError);
  CHECK_THROWS_WITH_AS(first.backward(b), doctest::Contains("another tape"), ArgumentError);
}

TEST_CASE("loading a state drops the gradients of a window under way") {
  const std::string directory = concat("/tmp/lockstep-accelerator-", ::getpid());
  Accelerator<SingleDevice<Cpu>> accelerator(Single{}, {.gradient_accumulation_steps = 2});
  auto [model, optimizer] = accelerator.prepare(Slope{}, Sgd{.learning_rate = 1});
  accelerator.save_state(directory);
  const auto input = Tensor<float>::full({1, 1}, 1.0F);
  accelerator.accumulate();
  accelerator.backward(model(input), 7);
  accelerator.load_state(directory);
  for (int i = 0; i < 2; ++i) {
    accelerator.accumulate();
    accelerator.backward(model(Tensor<float>::full({1, 1}, 3.0F)));
    optimizer.step();
    optimizer.zero_grad();
  }
  CHECK(model.parameter("weight")[0] == -3.0F);
  CHECK(std::system(("rm -r " + directory).c_str()) == 0);
}
