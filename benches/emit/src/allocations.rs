//! Prints how many allocations one record of each library costs the thread that records it.

mod cases;

/// Records of one burst, which rings and queues of all libraries have room for.
const BURST: u64 = 500;

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(mut case) = cases::find(&name) else {
        println!("{}", cases::NAMES.join("\n"));
        return;
    };
    // The first burst makes rings and buffers.
    case.burst(BURST);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let counted = allocation_counter::measure(|| case.burst(BURST));
    println!("{:.2}", counted.count_total as f64 / BURST as f64);
    case.finish();
}
