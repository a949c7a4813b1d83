// Adds an op of one's own: SwiGLU, silu(gate) * value, in one pass over memory instead of two recorded ops. Its
// gradient is checked against finite differences before it trains.
//
//   03_custom_op
//   lockstep launch -n 2 03_custom_op
#include <lockstep/autograd/gradcheck.hpp>
#include <lockstep/lockstep.hpp>

#include <cmath>
#include <cstdio>
#include <exception>

namespace ls = lockstep;

/// The contract of an op is in lockstep/autograd/op.hpp. Shazeer, "GLU variants improve transformer", 2020.
struct Swiglu {
  static constexpr const char* name = "swiglu";
  static constexpr int arity = 2;

  ls::Shape shape(const ls::Shape& gate, const ls::Shape& value) const {
    if (gate != value) throw ls::ShapeError(ls::concat("swiglu: gate ", gate, " and value ", value, " must be equal"));
    return gate;
  }

  template <class Context, class T>
  void forward(Context& context, ls::TensorView<T> y, ls::TensorView<const T> gate,
               ls::TensorView<const T> value) const {
    Context::Kernels::map(
        context.device, y.numel(), ls::Destination<T>{y.data}, [](T g, T v) { return g * ls::math::sigmoid(g) * v; },
        gate.data, value.data);
  }

  template <class Context, class T>
  void backward(Context& context, const ls::Result<T>& y, ls::Operand<T> gate, ls::Operand<T> value) const {
    const std::int64_t count = y.value.numel();
    if (const auto out = context.gradient(gate)) {
      const auto derivative = [](T dy, T g, T v) {
        const T s = ls::math::sigmoid(g);
        return dy * v * s * (T(1) + g * (T(1) - s));
      };
      Context::Kernels::map(context.device, count, out, derivative, y.gradient.data, gate.value.data, value.value.data);
    }
    if (const auto out = context.gradient(value)) {
      const auto derivative = [](T dy, T g) { return dy * g * ls::math::sigmoid(g); };
      Context::Kernels::map(context.device, count, out, derivative, y.gradient.data, gate.value.data);
    }
  }
};

using Ops = ls::CoreOps::with<Swiglu>;  // this makes the op known to the tape

template <ls::Variable V>
V swiglu(const V& gate, const V& value) {
  return gate.tape().record(Swiglu{}, gate, value);
}

struct Model {
  ls::Linear gate{1, 32}, value{1, 32}, output{32, 1};
  auto operator()(auto x) const { return output(swiglu(gate(x), value(x))); }
  LOCKSTEP_FIELDS(gate, value, output)
};

void train() {
  ls::Accelerator<ls::CpuRing, ls::Replicated, ls::Fp32, Ops> accelerator;

  const auto gate = ls::Tensor<double>::from({2, 3}, {-2.0, -0.5, 0.0, 0.3, 1.0, 4.0});
  const auto value = ls::Tensor<double>::from({2, 3}, {1.0, -1.5, 0.7, 2.0, -0.1, 0.5});
  ls::gradcheck<Ops>([](const auto& g, const auto& v) { return swiglu(g, v); }, gate, value);
  accelerator.print("The gradient of swiglu agrees with finite differences.");

  ls::Tensor<float> x({512, 1}), y({512, 1});
  for (int i = 0; i < 512; ++i) {
    x.data()[i] = static_cast<float>(i) / 256 - 1;
    y.data()[i] = std::sin(3 * x.data()[i]);
  }
  auto [model, optimizer, loader] = accelerator.prepare(
      Model{}, ls::AdamW{.learning_rate = 1e-2},
      ls::DataLoader{ls::TensorDataset{std::move(x), std::move(y)}, {.batch_size = 64, .shuffle = true}});
  double last_loss = 0;
  for (auto& batch : accelerator.progress(loader, {.total_steps = 2000})) {
    auto loss = ls::mse_loss(model(batch.inputs), batch.targets);
    accelerator.backward(loss);
    last_loss = static_cast<double>(loss.item());
    optimizer.step();
    optimizer.zero_grad();
  }
  accelerator.print("Mean squared error of a sine learned with it: ",
                    accelerator.reduce(last_loss, ls::Reduction::mean));
}

int main() {
  try {
    train();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "03_custom_op: %s\n", error.what());
    return 1;
  }
}
