//! Leaks blocks of known sizes in Rust: from a method, a generic function, a closure and a trait.
use std::collections::HashMap;

struct Shelf {
    rows: Vec<Vec<u8>>,
}

impl Shelf {
    #[inline(never)]
    fn put(&mut self, bytes: usize) {
        self.rows.push(Vec::with_capacity(bytes));
    }
}

#[inline(never)]
fn filled<T: Clone>(value: T, count: usize) -> Vec<T> {
    vec![value; count]
}

trait Keeper {
    fn keep(&self, bytes: usize) -> Box<[u8]>;
}

struct Plain;

impl Keeper for Plain {
    #[inline(never)]
    fn keep(&self, bytes: usize) -> Box<[u8]> {
        vec![1u8; bytes].into_boxed_slice()
    }
}

fn main() {
    let mut shelf = Shelf { rows: Vec::new() };
    shelf.put(10007);
    std::mem::forget(shelf);
    std::mem::forget(filled(7u64, 2501));
    let keeper: Box<dyn Keeper> = Box::new(Plain);
    std::mem::forget(keeper.keep(30011));
    let mut names: HashMap<u32, String> = HashMap::new();
    names.insert(1, "x".repeat(40013));
    std::mem::forget(names);
    let worker = std::thread::spawn(|| std::mem::forget(filled(1u8, 50021)));
    worker.join().unwrap();
    println!("done");
}
