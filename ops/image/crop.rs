//! `random_crop`: a part of a tensor at a random place.

use crate::dtype::DType;
use crate::graph::{Operand, Output, Scope};
use crate::ops::random::UniformOptions;

impl<'g> Scope<'g> {
    /// A part of that size (a vector with one number for each dimension of `value`) at a random place; a size
    /// that `value` does not have is an error of the step.
    ///
    /// ```
    /// let g = tensorloom::Graph::new();
    /// let image = tensorloom::Tensor::zeros(tensorloom::DType::F32, tensorloom::Shape::of(&[32, 32, 3])?)?;
    /// let y = g.root().random_crop(image, [24, 24, 3], None);
    /// assert_eq!(y.shape().to_string(), "[24,24,3]");
    /// # Ok::<(), tensorloom::Error>(())
    /// ```
    #[track_caller]
    pub fn random_crop(
        self,
        value: impl Operand<'g>,
        size: impl Operand<'g>,
        seed: Option<i64>,
    ) -> Output<'g> {
        let s = self.composite("random_crop");
        let value = value.operand(s.named("value"), None);
        let size = size.operand(s.named("size"), Some(DType::I32));
        let shape = s.shape(value);
        let fits = s.greater_equal(shape, size).in_scope(s).all();
        let data = [
            "Need value.shape >= size, got ".into(),
            shape.into(),
            size.into(),
        ];
        let check = s.assert_true(fits, &data, 1000);
        let shape = s.with_dependencies([check], shape).in_scope(s);
        let limit = (shape - size).in_scope(s) + 1i32;
        let options = UniformOptions {
            max: i32::MAX.into(),
            dtype: DType::I32,
            seed,
            ..Default::default()
        };
        let number = s.random_uniform(s.shape(shape), options).in_scope(s);
        let offset = number % limit;
        let name = format!("{}/", s.name());
        let slice = s.op("Slice").name(name);
        let part = slice.input(value).input(offset).input(size).out();
        part.in_scope(self.unnamed())
    }
}
