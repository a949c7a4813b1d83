// Every op against PyTorch, forward and backward, on the tape that training uses, in double precision.
#include "vectors.hpp"
#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>

#include <doctest/doctest.h>

#include <set>

namespace ls = lockstep;

namespace {

// Feeds a case's upstream gradient into the sweep: the loss is the sum of x times upstream.
struct Feed {
  static constexpr const char* name = "feed";
  static constexpr int arity = 1;

  const double* upstream;

  ls::Shape shape(const ls::Shape&) const { return {}; }

  template <class Context>
  void forward(Context&, ls::TensorView<double> y, ls::TensorView<const double> x) const {
    y[0] = 0;
    for (std::int64_t i = 0; i < x.numel(); ++i) y[0] += x[i] * upstream[i];
  }

  template <class Context>
  void backward(Context& context, const ls::Result<double>& y, ls::Operand<double> x) const {
    const auto dx = context.gradient(x);
    if (!dx) return;
    for (std::int64_t i = 0; i < x.value.numel(); ++i) {
      dx.data[i] = (dx.accumulate ? dx.data[i] : 0) + y.gradient[0] * upstream[i];
    }
  }
};

using Tape = ls::Tape<ls::Cpu, ls::Fp64, ls::CoreOps::with<Feed>>;
using Var = ls::Var<Tape>;

ls::Shape shape_of(const vectors::Array& array) { return ls::Shape(std::span<const std::int64_t>(array.shape)); }

// One case on a tape: its inputs as variables, whole numbers as indices.
class Run {
 public:
  Run(Tape& tape, const vectors::Case& reference) : tape_(&tape), reference_(&reference) {
    for (const auto& [name, array] : reference.inputs) {
      const ls::TensorView<const double> view{array.values.data(), shape_of(array)};
      inputs_.emplace(name, reference.gradients.count(name) > 0 ? tape.variable(view) : tape.constant(view));
      indices_.emplace(name, array.as<std::int32_t>());
    }
  }

  Tape& tape() const { return *tape_; }
  const vectors::Case& reference() const { return *reference_; }
  bool has(const std::string& name) const { return inputs_.count(name) > 0; }
  Var operator[](const std::string& name) const { return has(name) ? inputs_.at(name) : Var{}; }

  ls::TensorView<const std::int32_t> indices(const std::string& name) const {
    return {indices_.at(name).data(), shape_of(reference_->input(name))};
  }
  ls::TensorView<const double> view(const std::string& name) const {
    if (!has(name)) return {};
    return {reference_->input(name).values.data(), shape_of(reference_->input(name))};
  }

  template <class T>
  T attribute(const char* key) const {
    return reference_->attributes.at(key).template get<T>();
  }
  template <class T>
  T attribute(const char* key, T otherwise) const {
    return reference_->attribute(key, otherwise);
  }

 private:
  Tape* tape_;
  const vectors::Case* reference_;
  std::map<std::string, Var> inputs_;
  std::map<std::string, std::vector<std::int32_t>> indices_;
};

ls::LossReduction reduction(const Run& run) {
  const auto name = run.attribute<std::string>("reduction", "mean");
  return name == "none" ? ls::LossReduction::none : name == "sum" ? ls::LossReduction::sum : ls::LossReduction::mean;
}

Var cross_entropy(const Run& run) {
  ls::CrossEntropyOptions<double> options;
  options.weight = run.view("weight");
  options.ignore_index = run.attribute("ignore_index", options.ignore_index);
  options.label_smoothing = run.attribute("label_smoothing", options.label_smoothing);
  options.reduction = reduction(run);
  return ls::cross_entropy(run["logits"], run.indices("targets"), options);
}

Var attention(const Run& run) {
  return ls::scaled_dot_product_attention(run["query"], run["key"], run["value"],
                                          {.causal = run.attribute<bool>("causal")});
}

Var gelu(const Run& run) {
  return run.attribute<std::string>("approximate") == "tanh" ? ls::gelu_tanh(run["x"]) : ls::gelu(run["x"]);
}

Var matmul(const Run& run) {
  return ls::matmul(
      run["a"], run["b"],
      {.transpose_a = run.attribute<bool>("transpose_a"), .transpose_b = run.attribute<bool>("transpose_b")});
}

// The dimensions of a reduction; absent means all.
ls::Dimensions dimensions(const Run& run) {
  const auto dims = run.attribute("dims", std::vector<int>{});
  switch (dims.size()) {
    case 0:
      return {};
    case 1:
      return {dims[0]};
    case 2:
      return {dims[0], dims[1]};
    case 3:
      return {dims[0], dims[1], dims[2]};
    default:
      throw std::runtime_error("a reduction over more dimensions than this test knows");
  }
}

bool keepdim(const Run& run) { return run.attribute("keepdim", false); }
double scalar(const Run& run) { return run.attribute<double>("scalar"); }

Var concat(const Run& run) {
  std::vector<Var> parts;
  for (std::size_t i = 0; i < run.reference().inputs.size(); ++i) parts.push_back(run["x" + std::to_string(i)]);
  return ls::concat(parts, run.attribute<int>("dim"));
}

Var attend_self(const Run& run) {
  return ls::scaled_dot_product_attention(run["x"], run["x"], run["x"], {.causal = true});
}

Var one_sum_used_thrice(const Run& run) {
  const Var z = run["x"] + run["r"];
  return z * z + z + run["x"];
}

Var slices(const Run& run) {
  const Var x = run["x"];
  return ls::slice(x, 0, 0, 2) * ls::slice(x, 0, 2, 4) + ls::slice(x, 0, 1, 3);
}

using Apply = Var (*)(const Run&);

// How each op of the reference is written with the library.
const std::map<std::string, Apply> applications{
    {"add", [](const Run& run) { return run["a"] + run["b"]; }},
    {"add_scalar", [](const Run& run) { return run["x"] + scalar(run); }},
    {"bce_with_logits",
     [](const Run& run) {
       return ls::bce_with_logits(run["logits"], run["targets"], run["pos_weight"], reduction(run));
     }},
    {"concat", concat},
    {"cross_entropy", cross_entropy},
    {"div", [](const Run& run) { return run["a"] / run["b"]; }},
    {"div_scalar", [](const Run& run) { return run["x"] / scalar(run); }},
    {"embedding", [](const Run& run) { return ls::embedding(run.tape().indices(run.indices("ids")), run["weight"]); }},
    {"exp", [](const Run& run) { return ls::exp(run["x"]); }},
    {"gelu", gelu},
    {"layer_norm",
     [](const Run& run) { return ls::layer_norm(run["x"], run["weight"], run["bias"], run.attribute<double>("eps")); }},
    {"linear", [](const Run& run) { return ls::linear(run["x"], run["weight"], run["bias"]); }},
    {"log", [](const Run& run) { return ls::log(run["x"]); }},
    {"log_softmax", [](const Run& run) { return ls::log_softmax(run["x"], run.attribute<int>("dim")); }},
    {"matmul", matmul},
    {"max", [](const Run& run) { return ls::max(run["x"], dimensions(run), keepdim(run)); }},
    {"mean", [](const Run& run) { return ls::mean(run["x"], dimensions(run), keepdim(run)); }},
    {"mse", [](const Run& run) { return ls::mse_loss(run["x"], run["target"], reduction(run)); }},
    {"mul", [](const Run& run) { return run["a"] * run["b"]; }},
    {"mul_scalar", [](const Run& run) { return run["x"] * scalar(run); }},
    {"neg", [](const Run& run) { return -run["x"]; }},
    {"permute",
     [](const Run& run) {
       const auto order = run.attribute<std::vector<int>>("dims");
       return ls::permute(run["x"], std::span<const int>(order));
     }},
    {"pow", [](const Run& run) { return ls::pow(run["x"], run.attribute<double>("exponent")); }},
    {"pow_variable", [](const Run& run) { return ls::pow(run["a"], run["b"]); }},
    {"relu", [](const Run& run) { return ls::relu(run["x"]); }},
    {"reshape",
     [](const Run& run) {
       const auto extents = run.attribute<std::vector<std::int64_t>>("shape");
       return ls::reshape(run["x"], ls::Shape(std::span<const std::int64_t>(extents)));
     }},
    {"rms_norm", [](const Run& run) { return ls::rms_norm(run["x"], run["weight"], run.attribute<double>("eps")); }},
    {"scalar_div", [](const Run& run) { return scalar(run) / run["x"]; }},
    {"scalar_sub", [](const Run& run) { return scalar(run) - run["x"]; }},
    {"scaled_dot_product_attention", attention},
    {"sigmoid", [](const Run& run) { return ls::sigmoid(run["x"]); }},
    {"silu", [](const Run& run) { return ls::silu(run["x"]); }},
    {"slice",
     [](const Run& run) {
       return ls::slice(run["x"], run.attribute<int>("dim"), run.attribute<int>("start"), run.attribute<int>("end"));
     }},
    {"softmax", [](const Run& run) { return ls::softmax(run["x"], run.attribute<int>("dim")); }},
    {"sqrt", [](const Run& run) { return ls::sqrt(run["x"]); }},
    {"sub", [](const Run& run) { return run["a"] - run["b"]; }},
    {"sub_scalar", [](const Run& run) { return run["x"] - scalar(run); }},
    {"sum", [](const Run& run) { return ls::sum(run["x"], dimensions(run), keepdim(run)); }},
    {"tanh", [](const Run& run) { return ls::tanh(run["x"]); }},
    {"transpose",
     [](const Run& run) {
       const auto dims = run.attribute<std::vector<int>>("dims");
       return ls::transpose(run["x"], dims.at(0), dims.at(1));
     }},
    // Graphs that use a value more than once.
    {"x_plus_x", [](const Run& run) { return run["x"] + run["x"]; }},
    {"x_minus_x", [](const Run& run) { return run["x"] - run["x"]; }},
    {"x_times_x", [](const Run& run) { return run["x"] * run["x"]; }},
    {"x_over_x", [](const Run& run) { return run["x"] / run["x"]; }},
    {"x_plus_x_plus_x", [](const Run& run) { return run["x"] + run["x"] + run["x"]; }},
    {"x_plus_sum_twice", [](const Run& run) { return run["x"] + (run["r"] + run["r"]); }},
    {"scale_and_shift", [](const Run& run) { return run["x"] * run["r"] + run["r"]; }},
    {"residual", [](const Run& run) { return (run["x"] + ls::relu(run["x"])) * (run["x"] - ls::tanh(run["x"])); }},
    {"shared_sum",
     [](const Run& run) { return (run["x"] + run["r"]) * (run["x"] + run["r"]) + (run["x"] + run["r"]) + run["x"]; }},
    {"one_sum_used_thrice", one_sum_used_thrice},
    {"matmul_self", [](const Run& run) { return ls::matmul(run["x"], run["x"]); }},
    {"gram", [](const Run& run) { return ls::matmul(run["x"], run["x"], {.transpose_b = true}); }},
    {"attend_self", attend_self},
    {"reshape_and_add",
     [](const Run& run) {
       return ls::reshape(run["x"], {3, 2}) + ls::reshape(run["x"], {3, 2});
     }},
    {"reshape_and_keep",
     [](const Run& run) { return ls::reshape(run["x"], {6}) * 2.0 + ls::reshape(run["x"] * run["x"], {6}); }},
    {"concat_self",
     [](const Run& run) {
       return ls::concat({run["x"], run["x"] * 2.0, run["x"]}, 0);
     }},
    {"slices", slices},
    {"loss_of_two",
     [](const Run& run) { return ls::mean(ls::pow(run["x"] - run["r"], 2.0)) + ls::sum(run["x"]) * 0.5; }},
};

// What differs between the reference and a run of it; empty when nothing does.
std::string difference(const vectors::Case& reference, Apply apply) {
  constexpr double tolerance = 1e-9;
  ls::Cpu device;
  ls::ParameterTable<double> no_parameters;
  Tape tape(no_parameters, device);
  const Run run(tape, reference);
  const Var y = apply(run);
  if (y.shape() != shape_of(reference.output())) return "the shape is " + to_string(y.shape());
  if (const auto text = vectors::difference(y.value().span(), reference.output(), tolerance); !text.empty()) {
    return "the output, " + text;
  }
  tape.backward(tape.record(Feed{reference.upstream.values.data()}, y));
  for (const auto& [name, expected] : reference.gradients) {
    const auto text = vectors::difference(run[name].gradient().span(), expected, tolerance);
    if (!text.empty()) return "the gradient of " + name + ", " + text;
  }
  return {};
}

void check_family(const std::string& family) {
  std::set<std::string> unknown;
  for (const vectors::Case& reference : vectors::load(family)) {
    const auto found = applications.find(reference.op);
    if (found == applications.end()) {
      unknown.insert(reference.op);
      continue;
    }
    CAPTURE(reference.name);
    std::string text;
    try {
      text = difference(reference, found->second);
    } catch (const std::exception& error) {
      text = error.what();
    }
    CHECK(text == "");
  }
  for (const std::string& op : unknown) FAIL_CHECK("no application of op ", op);
}

}  // namespace

TEST_CASE("elementwise ops are PyTorch's") { check_family("elementwise"); }
TEST_CASE("products are PyTorch's") { check_family("products"); }
TEST_CASE("reductions are PyTorch's") { check_family("reductions"); }
TEST_CASE("shape ops are PyTorch's") { check_family("shapes"); }
TEST_CASE("gradients of values that are used more than once are PyTorch's") { check_family("graphs"); }
TEST_CASE("layers are PyTorch's") { check_family("layers"); }
TEST_CASE("losses are PyTorch's") { check_family("losses"); }
