// Lets a CPU build of PyTorch create fake CUDA tensors, which have no values. Autograd asks for a
// device guard, autocast and the optimisers ask whether CUDA is there; both get an answer here, and
// nothing is ever executed on a device.
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

using c10::Device;
using c10::DeviceIndex;
using c10::DeviceType;
using c10::Stream;

namespace at {

struct CUDAHooks : CUDAHooksInterface {
  CUDAHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex getCurrentDevice() const override { return 0; }
};
REGISTER_CUDA_HOOKS(CUDAHooks)

} // namespace at

namespace {

const Device first(DeviceType::CUDA, 0);
const Stream only(Stream::DEFAULT, first);

// NoOpDeviceGuardImpl has no device index and no streams, which autograd needs.
struct Guard : c10::impl::NoOpDeviceGuardImpl<DeviceType::CUDA> {
  Device exchangeDevice(Device) const override { return first; }
  Device getDevice() const override { return first; }
  DeviceIndex deviceCount() const noexcept override { return 1; }
  Stream getStream(Device) const noexcept override { return only; }
  Stream getDefaultStream(Device) const override { return only; }
  Stream getNewStream(Device, int) const override { return only; }
  Stream exchangeStream(Stream) const noexcept override { return only; }
  void record(void** event, const Stream&, DeviceIndex, c10::EventFlag) const override {
    *event = nullptr;
  }
  void block(void*, const Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const Stream&) const override { return true; }
  void synchronizeStream(const Stream&) const override {}
  void destroyEvent(void*, DeviceIndex) const noexcept override {}
};

c10::impl::DeviceGuardImplRegistrar registrar(DeviceType::CUDA, new Guard());

} // namespace
