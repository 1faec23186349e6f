//! The published numbers: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation
//! Gradient Descent", USENIX ATC 2023 (Figs. 7, 9, 11, 12), as means over ten seeds in the authors' result files
//! (`experiments/analysis/expected_results` of hkust-adsl/kubernetes-scheduler-simulator).

pub(super) const POLICIES: [&str; 6] = ["Random", "DotProd", "Clustering", "Packing", "BestFit", "FGD"];

/// GPU allocated in percent when 130 % have arrived.
pub(super) const ALLOCATED_AT_130: [(&str, [f64; 6]); 9] = [
    ("default", [87.47, 90.85, 91.88, 92.00, 93.08, 95.39]),
    ("gpushare40", [86.00, 89.56, 90.02, 90.03, 91.69, 94.15]),
    ("gpushare60", [83.65, 87.11, 87.20, 87.45, 89.36, 91.40]),
    ("gpushare80", [81.22, 84.49, 84.85, 85.00, 87.01, 89.30]),
    ("gpushare100", [79.44, 82.42, 82.65, 82.57, 85.01, 86.90]),
    ("multigpu20", [88.69, 92.06, 93.56, 93.71, 93.93, 95.65]),
    ("multigpu30", [89.27, 93.28, 94.72, 94.87, 94.72, 96.46]),
    ("multigpu40", [90.09, 94.19, 95.50, 95.74, 95.23, 96.99]),
    ("multigpu50", [90.27, 94.85, 95.81, 96.18, 95.74, 97.18]),
];

/// What a row of the default trace's curves is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Along {
    Allocated,
    Fragmented,
    FragmentedOfIdle,
}

/// Along the arrived demand in percent, default trace.
pub(super) const DEFAULT_TRACE: [(Along, usize, [f64; 6]); 11] = [
    (Along::Allocated, 60, [59.73, 60.00, 60.00, 60.00, 60.00, 60.00]),
    (Along::Allocated, 80, [78.66, 80.02, 80.02, 80.02, 80.02, 80.02]),
    (Along::Allocated, 90, [85.02, 89.98, 89.98, 89.98, 89.99, 89.98]),
    (Along::Allocated, 95, [85.72, 90.58, 91.61, 91.74, 92.82, 94.91]),
    (Along::Allocated, 100, [86.30, 90.62, 91.65, 91.78, 92.86, 95.23]),
    (Along::Allocated, 110, [86.88, 90.70, 91.73, 91.86, 92.94, 95.30]),
    (Along::Fragmented, 60, [15.45, 11.43, 11.19, 11.12, 9.97, 7.96]),
    (Along::Fragmented, 80, [15.92, 10.09, 9.36, 9.28, 8.29, 5.97]),
    (Along::Fragmented, 100, [13.49, 9.30, 8.21, 8.13, 7.05, 4.73]),
    (Along::FragmentedOfIdle, 80, [74.6, 50.5, 46.9, 46.4, 41.5, 29.9]),
    (Along::FragmentedOfIdle, 90, [96.6, 94.2, 84.3, 83.6, 74.1, 50.0]),
];
