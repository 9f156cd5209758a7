//! The accessors that every service has, as those of tower-http do.

macro_rules! accessors {
    ($inner:ident: $S:ident) => {
        /// Gets a reference to the inner service.
        pub fn get_ref(&self) -> &$S {
            &self.$inner
        }

        /// Gets a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut $S {
            &mut self.$inner
        }

        /// Returns the inner service.
        pub fn into_inner(self) -> $S {
            self.$inner
        }
    };
}
pub(crate) use accessors;
