// Everything for the host, in dependency order: a folder includes only folders above it.
#pragma once

// core: errors, shapes, random numbers
#include <lockstep/core/error.hpp>
#include <lockstep/core/philox.hpp>
#include <lockstep/core/shape.hpp>

// tensor: devices, memory, tensors and views
#include <lockstep/tensor/cpu.hpp>
#include <lockstep/tensor/tensor.hpp>

// kernels: the arithmetic, as functions over pointers and extents
#include <lockstep/kernels/cpu/kernels.hpp>

// autograd: the tape and its ops
#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>

// nn: modules
#include <lockstep/nn/activations.hpp>
#include <lockstep/nn/attention.hpp>
#include <lockstep/nn/dropout.hpp>
#include <lockstep/nn/embedding.hpp>
#include <lockstep/nn/linear.hpp>
#include <lockstep/nn/normalization.hpp>
#include <lockstep/nn/sequential.hpp>

// optim: optimizers, schedules, clipping
#include <lockstep/optim/adam.hpp>
#include <lockstep/optim/adamw.hpp>
#include <lockstep/optim/clip.hpp>
#include <lockstep/optim/constant_schedule.hpp>
#include <lockstep/optim/cosine_schedule.hpp>
#include <lockstep/optim/linear_schedule.hpp>
#include <lockstep/optim/one_cycle_schedule.hpp>
#include <lockstep/optim/parameter_group.hpp>
#include <lockstep/optim/polynomial_schedule.hpp>
#include <lockstep/optim/sgd.hpp>
#include <lockstep/optim/step_schedule.hpp>

// data: data sets and loaders
#include <lockstep/data/data_loader.hpp>
#include <lockstep/data/idx.hpp>
#include <lockstep/data/tensor_dataset.hpp>
#include <lockstep/data/token_window_dataset.hpp>

// comm: communicators
#include <lockstep/comm/ring.hpp>
#include <lockstep/comm/single.hpp>
#include <lockstep/comm/threads.hpp>

// parallel: how replicas stay in step
#include <lockstep/parallel/replicated.hpp>

// io: files
#include <lockstep/io/safetensors.hpp>

// accelerator: prepare() and what it returns
#include <lockstep/accelerator/accelerator.hpp>
#include <lockstep/accelerator/cpu_ring.hpp>
#include <lockstep/accelerator/cpu_threads.hpp>
#include <lockstep/accelerator/single_device.hpp>
