"""What benchmark_model prints and writes, by hand from its source; the numbers are made up.

Sources, all of google-ai-edge/LiteRT unless said: tflite/tools/benchmark/benchmark_model.cc (phases, summary, memory),
benchmark_tflite_model.cc (delegates, files), tflite/tools/delegates/utils, tflite/core/subgraph.cc (`Replacing …`),
tensorflow/core/util/stats_calculator.{h,cc} of tensorflow/tensorflow (phases' lines, profile),
tflite/profiling/profile_summary_formatter.cc (parts of the profile), litert/tools/benchmark_litert_model.h (v2),
tflite/delegates/gpu/delegate.cc (operators that stay on the CPU).
"""

from __future__ import annotations

import struct

CPU = """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Min num runs: [50]
INFO: Num threads: [4]
INFO: Graph: [model.tflite]
INFO: Signature to run: []
INFO: Loaded model model.tflite
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 29 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 2 partitions for subgraph 0.
INFO: Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the delegate w/ 2 delegate kernels.
INFO: The input model file size (MB): 3.57776
INFO: Initialized session in 41.206ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=6 first=96017 curr=80012 min=79815 max=96017 avg=83120.5 std=5836 p5=79815 median=80340 p95=96017

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=50 first=79449 curr=81350 min=77385 max=88213 avg=79732 std=1929 p5=77911 median=79402 p95=83007

INFO: Inference timings in us: Init: 41206, First inference: 96017, Warmup (avg): 83120.5, Inference (avg): 79732
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the model at runtime. Take the information at your discretion.
INFO: Memory footprint delta from the start of the tool (MB): init=11.5 overall=14.25
INFO: Overall peak memory footprint (MB) via periodic monitoring: 21.5
INFO: Memory status at the end of exeution:
INFO: - VmRSS              : 24 MB
INFO: + RssAnnon           : 15 MB
INFO: + RssFile + RssShmem : 9 MB
"""

OLD = """\
STARTING!
Min num runs: [50]
Graph: [/data/local/tmp/m.tflite]
Loaded model /data/local/tmp/m.tflite
INFO: Created TensorFlow Lite delegate for NNAPI.
Explicitly applied NNAPI delegate, and the model graph will be completely executed w/ the delegate.
The input model file size (MB): 4.27635
Initialized session in 13.386ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=1403859

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=260 first=3918 curr=3711 min=3700 max=4026 avg=3756.87 std=35

Inference timings in us: Init: 13386, First inference: 1403859, Warmup (avg): 1.40386e+06, Inference (avg): 3756.87
Peak memory footprint (MB): init=63.4883 overall=63.75
"""

GPU = """\
INFO: STARTING!
INFO: Graph: [model.tflite]
INFO: Use gpu: [1]
INFO: Loaded model model.tflite
INFO: Created TensorFlow Lite delegate for GPU.
INFO: GPU delegate created.
ERROR: Following operations are not supported by GPU delegate:
RELU_0_TO_1: Not supported op RELU_0_TO_1
TRANSPOSE_CONV: Max version supported: 3. Requested version 4.
ERROR: 28 operations will run on the GPU, and the remaining 3 operations will run on the CPU.
VERBOSE: Replacing 28 out of 31 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 2 partitions for subgraph 0.
INFO: Initialized OpenCL-based API.
INFO: Created 1 GPU delegate kernels.
INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 1 delegate kernels.
VERBOSE: Replacing 2 out of 4 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions for subgraph 0.
INFO: The input model file size (MB): 4.2761
INFO: Initialized session in 1361.24ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=5 first=125113 curr=112537 min=111758 max=125113 avg=115344 std=4959 p5=111758 median=112912 p95=125113

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=50 curr=115889(all same)

INFO: Inference timings in us: Init: 1361240, First inference: 125113, Warmup (avg): 115344, Inference (avg): 115889
INFO: Memory footprint delta from the start of the tool (MB): init=-1.5 overall=-0.25
"""

REFUSED = """\
INFO: STARTING!
INFO: Created TensorFlow Lite delegate for NNAPI.
VERBOSE: Replacing 31 out of 31 node(s) with delegate (TfLiteNnapiDelegate) node, yielding 1 partitions for subgraph 0.
INFO: Though NNAPI delegate is explicitly applied, the model graph will not be executed by the delegate.
VERBOSE: Replacing 31 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions for subgraph 0.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=1 curr=12
INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=2 first=9 curr=11 min=9 max=11 avg=10 std=1 p5=9 median=9 p95=11
INFO: Inference timings in us: Init: 5220, First inference: 12, Warmup (avg): 12, Inference (avg): 10
"""

V2 = """\
INFO: [litert/runtime/accelerators/auto_registration.cc:148] CPU accelerator registered.
INFO: [litert/runtime/compiled_model.cc:415] Flatbuffer model initialized directly from incoming litert model.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 1 out of 1 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions for subgraph 0.
INFO: The input model file size (MB): 3.27774
INFO: Initialized session in 4.478ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=1055 first=1033 curr=473 min=443 max=1033 avg=465.319 std=18 p5=459 median=463 p95=478

INFO: Running benchmark for at least 1000 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=2112 first=463 curr=459 min=442 max=979 avg=464.545 std=13 p5=460 median=462 p95=478

INFO: [./litert/tools/benchmark_litert_model.h:81] 
========== BENCHMARK RESULTS ==========
INFO: [./litert/tools/benchmark_litert_model.h:82] Model initialization: 4.48 ms
INFO: [./litert/tools/benchmark_litert_model.h:84] Warmup (first):       1.03 ms
INFO: [./litert/tools/benchmark_litert_model.h:86] Warmup (avg):         0.47 ms (1055 runs)
INFO: [./litert/tools/benchmark_litert_model.h:88] Inference (avg):      0.46 ms (2112 runs)
INFO: [./litert/tools/benchmark_litert_model.h:92] Inference (min):      0.44 ms
INFO: [./litert/tools/benchmark_litert_model.h:94] Inference (max):      0.98 ms
INFO: [./litert/tools/benchmark_litert_model.h:96] Inference (std):      0.01
INFO: [./litert/tools/benchmark_litert_model.h:103] Throughput:           525.55 MB/s
INFO: [./litert/tools/benchmark_litert_model.h:112] 
Memory Usage:
INFO: [./litert/tools/benchmark_litert_model.h:114] Init footprint:       8.94 MB
INFO: [./litert/tools/benchmark_litert_model.h:116] Overall footprint:    11.51 MB
INFO: [./litert/tools/benchmark_litert_model.h:123] Peak memory usage not available. (peak_mem_mb <= 0)
INFO: [./litert/tools/benchmark_litert_model.h:126] ======================================
"""

CSV = """\
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
ModifyGraphWithDelegate, 0, 9.1, 9.1, 97.8495%, 97.8495%, 1204, 1, ModifyGraphWithDelegate/0
AllocateTensors, 9.2, 0.3, 0.2, 2.15054%, 100%, 0, 2, AllocateTensors/0

============================== Top by Computation Time ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
ModifyGraphWithDelegate, 0, 9.1, 9.1, 97.8495%, 97.8495%, 1204, 1, ModifyGraphWithDelegate/0
AllocateTensors, 9.2, 0.3, 0.2, 2.15054%, 100%, 0, 2, AllocateTensors/0

Number of nodes executed: 2
============================== Summary by node type ==============================
node type, count, avg_ms, avg %, cdf %, mem KB, times called
ModifyGraphWithDelegate, 1, 9.1, 97.8495%, 97.8495%, 1204, 1
AllocateTensors, 1, 0.4, 2.15054%, 100%, 0, 2

Timings (microseconds): count=1 curr=9500
Memory (bytes): count=0
2 nodes observed



Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
TfLiteXNNPackDelegate, 0, 0.31, 0.24, 80%, 80%, 0, 1, [conv:0, with, commas]:4
SOFTMAX, 0.24, 0.07, 0.06, 20%, 100%, 0, 1, [y]:3

============================== Top by Computation Time ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
TfLiteXNNPackDelegate, 0, 0.31, 0.24, 80%, 80%, 0, 1, [conv:0, with, commas]:4
SOFTMAX, 0.24, 0.07, 0.06, 20%, 100%, 0, 1, [y]:3

Number of nodes executed: 2
============================== Summary by node type ==============================
node type, count, avg_ms, avg %, cdf %, mem KB, times called
TfLiteXNNPackDelegate, 1, 0.24, 80%, 80%, 0, 1
SOFTMAX, 1, 0.06, 20%, 100%, 0, 1

Timings (microseconds): count=50 first=380 curr=300 min=290 max=380 avg=300 std=12
Memory (bytes): count=0
2 nodes observed


Delegate internal: 
============================== Run Order ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
DelegateOpInvoke, 0, 0.2, 0.15, 62.5%, 62.5%, 0, 1, Delegate/Convolution (NHWC, QS8, QC8W) IGEMM:0
DelegateOpInvoke, 0.15, 0.1, 0.09, 37.5%, 100%, 0, 1, Delegate/Fully Connected (NC, QS8, QC8W) GEMM:1

============================== Top by Computation Time ==============================
node type, start, first, avg_ms, %, cdf%, mem KB, times called, name
DelegateOpInvoke, 0, 0.2, 0.15, 62.5%, 62.5%, 0, 1, Delegate/Convolution (NHWC, QS8, QC8W) IGEMM:0
DelegateOpInvoke, 0.15, 0.1, 0.09, 37.5%, 100%, 0, 1, Delegate/Fully Connected (NC, QS8, QC8W) GEMM:1

Number of nodes executed: 2
============================== Summary by node type ==============================
node type, count, avg_ms, avg %, cdf %, mem KB, times called
DelegateOpInvoke, 2, 0.24, 100%, 100%, 0, 2

Timings (microseconds): count=50 first=300 curr=240 min=230 max=300 avg=240 std=9
Memory (bytes): count=0
2 nodes observed


"""

TABLE = """\
INFO: Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
\t             [node type]\t          [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 CONV_2D\t            0.000\t    4.269\t    4.269\t 80.000%\t 80.000%\t     0.000\t        1\t[conv/Relu6]:0
\t                    TANH\t            4.270\t    1.100\t    1.067\t 20.000%\t100.000%\t     0.000\t        0\t[y]:1

============================== Top by Computation Time ==============================
\t             [node type]\t          [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 CONV_2D\t            0.000\t    4.269\t    4.269\t 80.000%\t 80.000%\t     0.000\t        1\t[conv/Relu6]:0

Number of nodes executed: 2
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t                 CONV_2D\t        1\t     4.269\t    80.000%\t    80.000%\t     0.000\t        1
\t                    TANH\t        1\t     1.067\t    20.000%\t   100.000%\t     0.000\t        0

Timings (microseconds): count=50 first=5380 curr=5300 min=5290 max=5380 avg=5300 std=12
Memory (bytes): count=0
2 nodes observed
"""

V2_TABLE = """\
INFO: [./litert/tools/benchmark_litert_model.h:179] 
============================== Run Order ==============================
\t                             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t        LiteRT::Run[buffer registration]\t    0.020\t    0.014\t  3.309%\t  3.309%\t     0.000\t        1\tLiteRT::Run[buffer registration]/0
\t         Fully Connected (NC, PF32) GEMM\t    0.538\t    0.382\t 92.948%\t 97.018%\t     0.000\t        1\tDelegate/Fully Connected (NC, PF32) GEMM:1

Number of nodes executed: 2
============================== Summary by node type ==============================
\t                             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t         Fully Connected (NC, PF32) GEMM\t        1\t     0.382\t    93.171%\t    93.171%\t     0.000\t        1

Timings (microseconds): count=3166 first=947 curr=406 min=390 max=947 avg=411.071 std=14
Memory (bytes): count=0
2 nodes observed
"""

FACTS = """\
@@ getprop
[ro.boot.hardware]: [shiba]
[ro.build.version.release]: [14]
[ro.build.version.sdk]: [34]
[ro.hardware]: [shiba]
[ro.product.cpu.abilist]: [arm64-v8a,armeabi-v7a]
[ro.product.manufacturer]: [Google]
[ro.product.model]: [Pixel 8]
[ro.soc.manufacturer]: [Google]
[ro.soc.model]: [Tensor G3]
@@ lab
@@ kernel
5.15.110-android14
@@ machine
aarch64
@@ cpuinfo
processor\t: 0
processor\t: 1
@@ load
8.31 8.20 8.01 2/3412 12345
@@ present
0-2
@@ clock /sys/devices/system/cpu/cpu0/cpufreq
300000
@@ most /sys/devices/system/cpu/cpu0/cpufreq
1704000
@@ limit /sys/devices/system/cpu/cpu0/cpufreq
1704000
@@ governor /sys/devices/system/cpu/cpu0/cpufreq
sched_pixel
@@ clock /sys/devices/system/cpu/cpu1/cpufreq
402000
@@ most /sys/devices/system/cpu/cpu1/cpufreq
2367000
@@ limit /sys/devices/system/cpu/cpu1/cpufreq
2367000
@@ governor /sys/devices/system/cpu/cpu1/cpufreq
sched_pixel
@@ clock /sys/devices/system/cpu/cpu2/cpufreq
500000
@@ most /sys/devices/system/cpu/cpu2/cpufreq
2914000
@@ limit /sys/devices/system/cpu/cpu2/cpufreq
1457000
@@ governor /sys/devices/system/cpu/cpu2/cpufreq
sched_pixel
@@ zone /sys/class/thermal/thermal_zone0
BIG
47500
@@ zone /sys/class/thermal/thermal_zone1
battery
31000
@@ thermal
IsStatusOverride: false
Thermal Status: 2
Cached temperatures:
\tTemperature{mValue=99.0, mType=3, mName=old, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=41.5, mType=3, mName=VIRTUAL-SKIN, mStatus=2}
\tTemperature{mValue=30.1, mType=2, mName=battery, mStatus=0}
\tTemperature{mValue=52.25, mType=0, mName=BIG, mStatus=0}
Current cooling devices from HAL:
@@ battery
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  health: 2
  level: 85
  scale: 100
  voltage: 4250
  temperature: 305
@@ current
-412000
@@ saving
1
@@ screen
  mWakefulness=Asleep
@@ end
"""


def varint(value: int) -> bytes:
    """Base 128, a negative number as its 64 bits: protobuf.dev/programming-guides/encoding."""
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def field(number: int, value: float | bytes) -> bytes:
    """A field: bytes, an integer as a varint, or a float of 32 bits."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 5) + struct.pack("<f", value)


LATENCY = (79.732, 77.385, 88.213, 1.929, 79.402, 77.911, 83.007, 41.206, 96.017, 83.1205)
RESULT = (
    field(1, b"configuration")
    + field(2, b"".join(field(i, value) for i, value in enumerate(LATENCY, 1)))
    + field(3, field(1, 11776) + field(2, -256) + field(3, 21.5))
    + field(4, field(1, 3.57776) + field(2, 50) + field(3, 6) + field(4, 44.9) + field(5, 12.5))
)
