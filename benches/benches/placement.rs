//! `cargo bench --manifest-path benches/Cargo.toml`: single plans, with the statistics of criterion.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_benches::fleet::Setting;
use plimsoll_benches::runs::Standing;
use std::hint::black_box;

fn plans(criterion: &mut Criterion) {
    for setting in Setting::ALL {
        let mut group = criterion.benchmark_group(setting.name);
        for instances in [100, 1_000, 10_000, 100_000] {
            for count in [1, 1_000] {
                let mut standing = Standing::new(instances, *setting);
                group.throughput(Throughput::Elements(count as u64));
                group.bench_function(BenchmarkId::new(format!("{count} a plan"), instances), |bencher| {
                    bencher.iter(|| black_box(standing.plan(count)));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);
