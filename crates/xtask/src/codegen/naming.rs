//! Wire names to Rust names.

/// Words of a wire name: `enableECSManagedTags` is enable, ECS, Managed, Tags.
fn words(name: &str) -> Vec<String> {
    // A unit, not three words.
    let name = name.replace("GiB", "Gib");
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (index, &letter) in letters.iter().enumerate() {
        let after_lower = index > 0 && !letters[index - 1].is_uppercase();
        let before_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        let starts_word = letter.is_uppercase() && (after_lower || before_lower);
        match words.last_mut() {
            Some(word) if !starts_word => word.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

pub fn snake(name: &str) -> String {
    words(name).iter().map(|word| word.to_lowercase()).collect::<Vec<_>>().join("_")
}

pub fn screaming(name: &str) -> String {
    snake(name).to_uppercase()
}

/// What serde's `rename_all = "camelCase"` makes of a snake-case field.
pub fn serde_camel(snake: &str) -> String {
    let mut camel = String::new();
    for (index, word) in snake.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => camel.extend(first.to_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.extend(letters);
    }
    camel
}

pub fn field(name: &str) -> String {
    let snake = snake(name);
    if matches!(snake.as_str(), "type" | "match" | "ref" | "move" | "use" | "in") {
        format!("r#{snake}")
    } else {
        snake
    }
}
