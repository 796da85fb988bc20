//go:build windows || (linux && cgo)

package vram

// details adds what the driver tells beside a card's memory. What it does not tell stays 0.
func (s *nvmlSource) details(d *Driver) {
	if s.has("nvmlSystemGetCudaDriverVersion_v2") {
		if n, code := s.lib.SystemGetCudaDriverVersion_v2(); code == codeSuccess {
			d.CUDA = n
		}
	}
	for i := range d.Cards {
		c := &d.Cards[i]
		if device, code := s.lib.DeviceGetHandleByIndex(c.Index); code == codeSuccess {
			s.capability(device, c)
			s.link(device, c)
			s.pace(device, c)
		}
	}
}

func (s *nvmlSource) capability(device nvmlDevice, c *Detail) {
	if s.has("nvmlDeviceGetCudaComputeCapability") {
		if major, minor, code := device.GetCudaComputeCapability(); code == codeSuccess {
			c.Major, c.Minor = major, minor
		}
	}
	if s.has("nvmlDeviceGetComputeMode") {
		if mode, code := device.GetComputeMode(); code == codeSuccess {
			c.Compute = ComputeMode(mode)
		}
	}
	if s.has("nvmlDeviceGetPersistenceMode") {
		mode, code := device.GetPersistenceMode()
		c.NotPersisted = code == codeSuccess && mode == 0
	}
}

// figure calls one of NVML's getters if the driver's library has it.
func figure[T int | uint32 | uint64](s *nvmlSource, symbol string, get func() (T, nvmlCode)) T {
	if !s.has(symbol) {
		return 0
	}
	n, code := get()
	if code != codeSuccess {
		return 0
	}
	return n
}

func (s *nvmlSource) link(device nvmlDevice, c *Detail) {
	c.LinkGeneration = figure(s, "nvmlDeviceGetCurrPcieLinkGeneration", device.GetCurrPcieLinkGeneration)
	c.LinkLanes = figure(s, "nvmlDeviceGetCurrPcieLinkWidth", device.GetCurrPcieLinkWidth)
	c.MostGeneration = figure(s, "nvmlDeviceGetMaxPcieLinkGeneration", device.GetMaxPcieLinkGeneration)
	c.MostLanes = figure(s, "nvmlDeviceGetMaxPcieLinkWidth", device.GetMaxPcieLinkWidth)
}

func (s *nvmlSource) pace(device nvmlDevice, c *Detail) {
	c.Throttle = figure(s, "nvmlDeviceGetCurrentClocksThrottleReasons", device.GetCurrentClocksThrottleReasons)
	c.MemoryBits = int(figure(s, "nvmlDeviceGetMemoryBusWidth", device.GetMemoryBusWidth))
	c.MemoryClock = int(figure(s, "nvmlDeviceGetMaxClockInfo", func() (uint32, nvmlCode) {
		return device.GetMaxClockInfo(2) // NVML_CLOCK_MEM
	}))
}
